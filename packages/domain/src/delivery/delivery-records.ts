import type { RunFact } from '../run/run-fact.ts';
import type { RunState } from '../run/run-state.ts';
import type { DeadLetter, DeliveryEvent } from './dead-letter.ts';

/** What is written with the facts of a turn: one event per item that left the normal way, one dead letter per item given up. */
export interface DeliveryRecords {
  readonly deadLetters: readonly DeadLetter[];
  readonly events: readonly DeliveryEvent[];
}

/** The records of the facts of one turn, from the state AFTER they were evolved. Pure, so a turn that is tried again writes the same. */
export const deliveryRecords = (_state: RunState, _factsOfTurn: readonly RunFact[]): DeliveryRecords => ({
  deadLetters: [],
  events: [],
});
