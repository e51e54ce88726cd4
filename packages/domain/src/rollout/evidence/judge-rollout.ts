import { DomainError } from '../../errors/domain-error.ts';
import type { JudgeInput, Verdict } from '../evidence.ts';

/** What must be done now. */
export const judgeRollout = (_input: JudgeInput): Verdict => {
  throw new DomainError('unimplemented', 'evidence is not judged yet');
};
