import type { RolloutRecord } from '@skein/domain';
import { createEvidence, isTerminalRollout } from '@skein/domain';
import type {
  AppendRequest,
  Clock,
  MemoryStore,
  ProjectStore,
  RolloutChange,
  RolloutStore,
  RunStore,
} from '@skein/ports';

/**
 * Defects of rollouts on purpose, to prove that the oracle sees them.
 * - `guard_removed`: admissions commit whatever became of the project since they were prepared
 * - `arm_in_unit`: a unit that moves to another arm is counted again
 * - `evidence_cleared`: what is known is forgotten when an action could not be written
 * - `two_writes`: a promotion is written first, and the winner made active afterwards
 * - `blind_evaluator`: evaluators act whatever somebody else wrote meanwhile
 * - `memory_shared`: who is to read an agent's memory as it was reads what an arm's copy holds by now
 */
export const rolloutMutants = [
  'guard_removed',
  'arm_in_unit',
  'evidence_cleared',
  'two_writes',
  'blind_evaluator',
  'memory_shared',
] as const;

/** One of them. */
export type RolloutMutant = (typeof rolloutMutants)[number];

type Method = (...args: never[]) => unknown;

const withMethods = <T extends object>(port: T, own: { readonly [name in keyof T]?: Method }): T =>
  new Proxy(port, {
    get: (target, name) => {
      const mine: unknown = Reflect.get(own, name);
      if (mine !== undefined) return mine;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
    },
  });

const tamperRequest = (mutant: RolloutMutant, request: AppendRequest): AppendRequest => {
  const { expectsRevision: _forgotten, ...unguarded } = request;
  const { exposures } = request;
  if (mutant === 'guard_removed') return unguarded;
  if (mutant === 'arm_in_unit' && exposures !== undefined)
    return { ...request, exposures: exposures.map((one) => ({ ...one, unit: `${one.unit.slice(0, -1)}${one.arm}` })) };
  return request;
};

/** The log as a mutant writes it. */
export const tamperRoutedAppends = (mutant: RolloutMutant | undefined, runs: RunStore): RunStore =>
  mutant === undefined
    ? runs
    : withMethods(runs, {
        append: ((request: AppendRequest) => runs.append(tamperRequest(mutant, request))) as Method,
      });

/** Memory as a mutant reads it. */
export const tamperMemory = (mutant: RolloutMutant | undefined, memory: MemoryStore): MemoryStore => {
  if (mutant !== 'memory_shared') return memory;
  const readRevision: MemoryStore['readRevision'] = async (tenant, scope, revision) => {
    const copies = (await memory.listScopes(tenant)).filter((one) => one.scope.startsWith(`${scope}@`));
    const [copy] = copies;
    if (copy === undefined) return memory.readRevision(tenant, scope, revision);
    return memory.readRevision(tenant, copy.scope, copy.revision);
  };
  return withMethods(memory, { readRevision });
};

const clear = async (store: RolloutStore, record: RolloutRecord): Promise<void> => {
  const { version, evidence } = await store.loadEvidence(record.tenant, record.id);
  if (evidence === undefined) return;
  const empty = { ...createEvidence(record), settledSeq: evidence.settledSeq };
  await store.saveEvidence(record.tenant, record.id, version, empty);
};

/** Rollouts as a mutant writes them. */
export const tamperRollouts = (
  mutant: RolloutMutant | undefined,
  store: RolloutStore,
  projects: ProjectStore,
  clock: Clock,
): RolloutStore => {
  const update = async (change: RolloutChange): ReturnType<RolloutStore['update']> => {
    const { record, event, activates } = change;
    if (mutant === 'two_writes' && activates !== undefined) {
      const outcome = await store.update({ record, event });
      if (outcome.status === 'updated') await projects.activate(record.tenant, record.agentId, activates.versionId);
      return outcome;
    }
    // It takes its time to act on what it saw.
    if (mutant === 'blind_evaluator' && event.by.actor === 'evaluator') await clock.sleep(2_000);
    try {
      const outcome = await store.update(change);
      if (mutant === 'evidence_cleared' && outcome.status !== 'updated') await clear(store, record);
      const { current } = outcome.status === 'updated' ? {} : outcome;
      const isBlind = mutant === 'blind_evaluator' && event.by.actor === 'evaluator';
      if (!isBlind || current?.id !== record.id || isTerminalRollout(current.status)) return outcome;
      const revision = current.revision + 1;
      return await store.update({ ...change, record: { ...record, revision }, event: { ...event, revision } });
    } catch (thrown) {
      if (mutant === 'evidence_cleared') await clear(store, record);
      throw thrown;
    }
  };
  return mutant === undefined ? store : withMethods(store, { update });
};
