import { DomainError } from '../../errors/domain-error.ts';
import type { Evidence } from '../evidence.ts';
import type { RolloutRecord, RolloutUnit } from '../rollout-record.ts';
import type { ResultNumbers } from './evidence-types.ts';

/** Streaming numbers of all units of a rollout: memory does not grow with the units. */
export interface ResultsState {
  readonly metrics: readonly string[];
}

/** Numbers before the first unit. */
export const createResults = (_record: RolloutRecord): ResultsState => ({ metrics: [] });

/** Adds units, each once, and answers the same state. */
export const addToResults = (_results: ResultsState, _units: readonly RolloutUnit[]): ResultsState => {
  throw new DomainError('unimplemented', 'results are not gathered yet');
};

/** The numbers of what was added. `evidence` gives the e-values. */
export const resultsOf = (_record: RolloutRecord, _results: ResultsState, _evidence?: Evidence): ResultNumbers => {
  throw new DomainError('unimplemented', 'results are not computed yet');
};
