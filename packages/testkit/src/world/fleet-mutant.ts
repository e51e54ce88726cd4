import type { PeerMessage, WorkerPlace, WorkerPlaceStore } from '@skein/ports';
import type { PassedMessage } from './peer-network.ts';

/**
 * Defects on purpose of coordinators that share runs, to prove that the oracle sees them.
 * - `session_epoch_ignored`: every stream of a worker counts as its latest
 * - `latest_home_ignored`: of two homes of a run the later one is not known by its epoch
 * - `holdings_ignored`: nobody tells a new home what workers hold
 * - `kept_results_dropped`: a result that its home did not take is not said again
 */
export const fleetMutants = [
  'session_epoch_ignored',
  'latest_home_ignored',
  'holdings_ignored',
  'kept_results_dropped',
] as const;

/** One of them. */
export type FleetMutant = (typeof fleetMutants)[number];

/** What coordinators hear of one another, as a mutant has it. */
export const tamperPeers = (mutant: FleetMutant): ((passed: PassedMessage) => PeerMessage | undefined) => {
  const said = new Set<string>();
  return ({ message }) => {
    if (mutant === 'holdings_ignored' && message.type === 'holdings') return { ...message, workers: [] };
    if (mutant === 'latest_home_ignored' && message.type === 'homes')
      return { ...message, shards: message.shards.map(({ shard }) => ({ shard, epoch: 1 })) };
    if (mutant === 'kept_results_dropped' && message.type === 'from_worker' && message.message.type === 'result') {
      const { runId, step, token } = message.message.result;
      const key = `${runId} ${step} ${token}`;
      if (said.has(key)) return undefined;
      said.add(key);
    }
    return message;
  };
};

const first = (place: WorkerPlace): WorkerPlace => ({ ...place, epoch: 1 });

/** Who holds workers' streams, as a mutant has it. */
export const tamperPlaces = (mutant: FleetMutant | undefined, places: WorkerPlaceStore): WorkerPlaceStore =>
  mutant !== 'session_epoch_ignored'
    ? places
    : {
        claim: async (...args) => first(await places.claim(...args)),
        read: async (...args) => {
          const place = await places.read(...args);
          return place === undefined ? undefined : first(place);
        },
        release: async () => undefined,
        prune: (...args) => places.prune(...args),
      };
