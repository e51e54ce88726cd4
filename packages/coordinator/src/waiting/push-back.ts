import type { RunId, RunView, StepPath, TenantId } from '@skein/domain';
import { cleanText, DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { askApproval, boundWords } from './ask-approval.ts';

/** Where a push-back goes, and what is to be done better. */
export interface PushBack {
  /** A step before the approval; its `rewind` when absent. */
  readonly to?: string;
  readonly feedback: string;
  readonly by: string;
  /** The round that the person saw. */
  readonly round?: number;
}

/** See `Coordinator.pushBack`. */
export const pushBack = (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  step: StepPath,
  { to, feedback, by, round }: PushBack,
): Promise<RunView> => {
  if (by.trim() === '') throw new DomainError('invalid_argument', 'a push-back says by whom it is');
  if (feedback.trim() === '') {
    throw new DomainError('invalid_argument', 'a push-back says what is to be done better', {
      problems: [{ field: 'feedback', message: 'a push-back says what is to be done better', expected: 'a text' }],
    });
  }
  boundWords('the feedback', { feedback, by });
  return askApproval(engine, tenant, runId, {
    type: 'push_back',
    step,
    by: cleanText(by),
    feedback: cleanText(feedback),
    ...(to === undefined ? {} : { to }),
    ...(round === undefined ? {} : { round }),
  });
};
