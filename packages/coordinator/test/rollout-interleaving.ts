import type { RolloutRecord } from '@skein/domain';
import { defaultTenant, isDomainError, isLive, isTerminalRollout } from '@skein/domain';
import type { Random } from '@skein/ports';
import { createSeededRandom } from '@skein/testkit';
import type { RolloutScene } from './rollout-scene.ts';
import { createRolloutScene } from './rollout-scene.ts';

/** What people and evaluators may do at once. */
const people = ['ann', 'bob', 'eve'] as const;

/** Codes with which a change may be refused; any other is a bug. */
const refusals: ReadonlySet<string> = new Set([
  'version_conflict',
  'already_exists',
  'illegal_transition',
  'not_found',
  'unavailable',
]);

/** What a run of it saw. */
export interface Interleaving {
  readonly seed: number;
  readonly writes: number;
  readonly outcomes: { readonly [outcome: string]: number };
  readonly ends: readonly string[];
}

/** Holds after every write of the store; throws what does not. */
class Invariants {
  readonly #seen = new Map<string, RolloutRecord>();
  readonly #scene: RolloutScene;
  writes = 0;

  constructor(scene: RolloutScene) {
    this.#scene = scene;
  }

  async check(): Promise<void> {
    const { store } = this.#scene;
    // One look at everything: no write comes between, because the memory stores answer at once.
    const [{ rollouts }, active, { events }] = await Promise.all([
      store.list(defaultTenant, undefined, 0, 0),
      this.#scene.activeVersion(),
      store.readEvents(defaultTenant, 0, 100_000),
    ]);
    const live = rollouts.filter(({ status }) => isLive(status));
    if (live.length > 1) throw new Error(`I1: ${live.map(({ id }) => id).join()} are live at once`);
    for (const record of rollouts) this.#checkRecord(record);
    for (const { id, stableVersionId } of live)
      if (active !== stableVersionId) throw new Error(`I6: ${id} is live and ${active} is active`);
    for (const { id } of rollouts) {
      const revisions = events.filter(({ rolloutId }) => rolloutId === id).map(({ revision }) => revision);
      const last = rollouts.find((record) => record.id === id)?.revision ?? 0;
      const expected = Array.from({ length: last }, (_, index) => index + 1);
      if (revisions.join() !== expected.join()) throw new Error(`I2: ${id} has the revisions ${revisions.join()}`);
    }
  }

  #checkRecord(record: RolloutRecord): void {
    const before = this.#seen.get(record.id);
    if (before?.revision === record.revision) return;
    this.writes += 1;
    this.#seen.set(record.id, record);
    if (before === undefined) return;
    const { id, revision, status } = record;
    if (isTerminalRollout(before.status)) throw new Error(`I3: ${id} was ${before.status} and is written again`);
    if (revision < before.revision) throw new Error(`I2: ${id} went back to revision ${revision}`);
    if (status === 'completed' && record.evidence === undefined && record.lastActor.actor === 'evaluator')
      throw new Error(`${id} was completed by an evaluator without evidence`);
  }
}

/** Awaits so many turns of the loop. */
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

const pick = <T>(random: Random, of: readonly T[]): T => of[random.integer(of.length)] as T;

/**
 * People patch, promote, pause, take back, cancel, start and activate by hand, values come in, two evaluators look, and the process dies, in an order
 * that the seed decides at every await of the store of rollouts. The invariants I1, I2, I3, I4 and I6 are checked after every call.
 */
export const interleave = async (seed: number, steps = 10): Promise<Interleaving> => {
  const random = createSeededRandom(seed);
  const outcomes: { [outcome: string]: number } = {};
  const broken: unknown[] = [];
  const held: { invariants?: Invariants; calm?: boolean } = {};
  const scene = await createRolloutScene({
    onCall: async (_name, _args, own) => {
      if (held.invariants === undefined || held.calm === true) return own();
      await turns(random.integer(4));
      const answer = await own();
      await held.invariants.check().catch((thrown: unknown) => broken.push(thrown));
      await turns(random.integer(3));
      return answer;
    },
  });
  const other = await scene.another();
  const { versions } = scene;
  held.invariants = new Invariants(scene);
  const note = (outcome: string): void => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  const by = () => ({ actor: pick(random, people) });
  const revision = async (): Promise<number> =>
    ((await scene.store.listLive(defaultTenant))[0]?.revision ?? 1) - (random.integer(5) === 0 ? 1 : 0) || 1;
  const candidates = Object.values(versions);
  const deeds: { readonly [name: string]: () => Promise<unknown> } = {
    start: () =>
      scene.rollouts.start(
        defaultTenant,
        'scout',
        { type: 'canary', candidateVersionId: pick(random, candidates), weight: 0.5, force: true, reason: 'chance' },
        by(),
      ),
    patch: async () =>
      scene.rollouts.patch(
        defaultTenant,
        'scout',
        { revision: await revision(), weight: random.integer(10) / 10 },
        by(),
      ),
    rules: async () =>
      scene.rollouts.patch(defaultTenant, 'scout', { revision: await revision(), rules: [{ metric: 'error' }] }, by()),
    pause: () => scene.rollouts.pause(defaultTenant, 'scout', {}, by()),
    resume: () => scene.rollouts.resume(defaultTenant, 'scout', {}, by()),
    promote: async () =>
      scene.rollouts.promote(
        defaultTenant,
        'scout',
        { revision: await revision(), force: true, reason: 'chance' },
        by(),
      ),
    rollback: () => scene.rollouts.rollback(defaultTenant, 'scout', {}, by()),
    cancel: () => scene.rollouts.cancel(defaultTenant, 'scout', {}, by()),
    activate: () =>
      scene.scene.coordinator.activateVersion(defaultTenant, 'scout', pick(random, candidates), by().actor),
    values: async () => {
      const [live] = await scene.store.listLive(defaultTenant);
      if (live === undefined) return;
      const candidateErrors = live.arms[1]?.versionId === versions.bad ? 1 : 0;
      await scene.deal(live.id, { stable: 12, candidate: 12, candidateErrors });
    },
    tick: () => scene.scene.clock.advance(1_000),
  };
  const names = Object.keys(deeds);
  for (let step = 0; step < steps; step += 1) {
    const chosen = Array.from({ length: 1 + random.integer(4) }, () => pick(random, names));
    // Most of the time there is something to quarrel about.
    if (random.integer(5) > 0 && (await scene.store.listLive(defaultTenant)).length === 0) chosen.unshift('start');
    const dies = random.integer(8) === 0;
    const deaths = dies ? [turns(random.integer(20)).then(() => scene.scene.restart())] : [];
    const done = Promise.allSettled(
      chosen.map(async (name) => {
        try {
          await deeds[name]?.();
          note(`${name} done`);
        } catch (thrown) {
          if (!isDomainError(thrown)) throw thrown;
          if (thrown.code === 'invalid_argument' && /nothing to compare|active already/.test(thrown.message)) {
            note(`${name} senseless`);
            return;
          }
          if (!refusals.has(thrown.code)) throw thrown;
          note(`${name} ${thrown.code}`);
        }
      }),
    );
    // What a process that died was doing is never done.
    const settled = await Promise.race([done, dies ? Promise.all(deaths).then(() => turns(400)) : done]);
    if (Array.isArray(settled)) for (const one of settled) if (one.status === 'rejected') broken.push(one.reason);
    await Promise.all(deaths);
    if (dies) note('died');
    if (random.integer(3) === 0) await scene.scene.clock.advance(1_000);
  }
  held.calm = true;
  await scene.ticks(2);
  await held.invariants.check().catch((thrown: unknown) => broken.push(thrown));
  await other.stop();
  await scene.scene.close();
  if (broken.length > 0) throw new Error(`seed ${seed}: ${String(broken[0])}`, { cause: broken[0] });
  const { rollouts: all } = await scene.store.list(defaultTenant, undefined, 0, 0);
  return { seed, writes: held.invariants.writes, outcomes, ends: all.map(({ status }) => status) };
};
