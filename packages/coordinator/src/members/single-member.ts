import type { Engine } from '../engine/engine.ts';
import { knownFacts } from '../run/known-facts.ts';
import type { Members } from './members.ts';

const nothing = (): void => undefined;

/** The only coordinator on its stores: every duty is its own. Shards are claimed by the sweep. */
export const createSingleMember = (engine: Engine): Members => ({
  isFleet: false,
  incarnation: '',
  isLeaving: false,
  storeTrouble: undefined,
  knownFacts: new Set(knownFacts),
  live: [],
  homeOf: (shard) => (engine.runs.shards.has(shard) ? 'here' : undefined),
  isReady: (shard) => engine.runs.shards.has(shard) && !engine.runs.unread.has(shard),
  epochOf: (shard) => engine.runs.epochs.get(shard),
  hasDuty: () => true,
  mayWrite: () => true,
  suspect: nothing,
  lookNow: nothing,
  heardHomes: nothing,
  cannotDrive: nothing,
  onChange: () => nothing,
  invalidate: nothing,
  changed: nothing,
  onChanged: () => nothing,
  start: async () => undefined,
  stop: async () => undefined,
});
