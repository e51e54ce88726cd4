import type { RunView } from '@skein/domain';
import type { ApprovalInfo, ApproveInput } from './delivery-wire.ts';
import type { ListAll } from './list-all.ts';
import { segment } from './list-page.ts';
import type { Transport } from './transport.ts';

/** Approvals over HTTP. */
export interface ApprovalsClient {
  /** Those that wait now, oldest first; of one run, or of all. */
  list(runId?: string): Promise<readonly ApprovalInfo[]>;
  /** The same answer again changes nothing. Throws `illegal_transition` when the step does not wait, or was answered otherwise. */
  approve(runId: string, step: string, input?: ApproveInput): Promise<RunView>;
  reject(runId: string, step: string, input?: Omit<ApproveInput, 'inputs'>): Promise<RunView>;
  /** Not repeated by itself: the step may wait again, in the next round, when the answer to the first try was lost. */
  pushBack(
    runId: string,
    step: string,
    options: { readonly feedback: string; readonly to?: string; readonly round?: number },
  ): Promise<RunView>;
}

/** The part of the client that deals with approvals. */
export const createApprovalsClient = (transport: Transport, all: ListAll): ApprovalsClient => {
  const post = (runId: string, step: string, body: object, idempotent: boolean): Promise<RunView> =>
    transport.json({
      method: 'POST',
      path: `/api/runs/${segment(runId)}/steps/${segment(step)}/approval`,
      body,
      idempotent,
    });
  return {
    list: (runId) => all('/api/approvals', { runId }),
    approve: (runId, step, input = {}) => post(runId, step, { decision: 'approve', ...input }, true),
    reject: (runId, step, input = {}) => post(runId, step, { decision: 'reject', ...input }, true),
    pushBack: (runId, step, options) => post(runId, step, { decision: 'push_back', ...options }, false),
  };
};
