import type { ApprovalDecision, JsonValue, RunId, RunView, StepPath, TenantId } from '@skein/domain';
import { cleanText, DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { askApproval, boundWords } from './ask-approval.ts';

/** A person's word on an approval. */
export interface ApprovalAnswer {
  readonly decision: ApprovalDecision;
  readonly inputs?: { readonly [name: string]: JsonValue };
  readonly reason?: string;
  readonly by: string;
  /** The round that the person saw. */
  readonly round?: number;
}

/** See `Coordinator.answerApproval`. */
export const answerApproval = (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  step: StepPath,
  answer: ApprovalAnswer,
): Promise<RunView> => {
  const { decision, inputs, reason, by, round } = answer;
  if (by.trim() === '') throw new DomainError('invalid_argument', 'an answer says by whom it is');
  boundWords('the answer', { inputs, reason, by });
  return askApproval(engine, tenant, runId, {
    type: 'answer',
    step,
    decision,
    by: cleanText(by),
    ...(inputs === undefined ? {} : { inputs }),
    ...(reason === undefined ? {} : { reason: cleanText(reason) }),
    ...(round === undefined ? {} : { round }),
  });
};
