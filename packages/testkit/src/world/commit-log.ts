import type {
  RolloutEvent,
  RolloutExposure,
  RolloutId,
  RolloutRecord,
  RolloutValue,
  RunFact,
  RunId,
  VersionId,
} from '@skein/domain';
import { defaultTenant, isLive } from '@skein/domain';
import type { AppendRequest, ProjectStore, RolloutChange, RolloutStore, RunStore } from '@skein/ports';
import type { WorldStores } from './world-stores.ts';

/** One commit of the store that concerns rollouts. `order` is its place among all of them: of the store, not of any clock. */
export type StoreCommit = { readonly order: number } & (
  | { readonly kind: 'written'; readonly record: RolloutRecord; readonly event: RolloutEvent }
  /** How it is right after a write of a rollout or of an active version. */
  | {
      readonly kind: 'moment';
      readonly live: readonly RolloutRecord[];
      readonly active: { readonly [agentId: string]: VersionId };
    }
  | { readonly kind: 'frozen'; readonly agentId: string; readonly isFrozen: boolean }
  | {
      readonly kind: 'appended';
      readonly runId: RunId;
      readonly facts: readonly RunFact[];
      readonly exposures: readonly RolloutExposure[];
    }
  | { readonly kind: 'ended'; readonly ends: Parameters<RolloutStore['endUnits']>[1] }
  | { readonly kind: 'valued'; readonly values: readonly RolloutValue[] }
);

/** Facts by which versions are chosen and used; the others are of no interest here. */
const kept: ReadonlySet<RunFact['type']> = new Set(['run_submitted', 'run_admitted', 'run_migrated', 'step_leased']);

type Method = (...args: never[]) => Promise<unknown>;

/** The same port, with some of its methods in the place of its own. */
const withMethods = <T extends object>(port: T, own: { readonly [name in keyof T]?: Method }): T =>
  new Proxy(port, {
    get: (target, name) => {
      const mine: unknown = Reflect.get(own, name);
      if (mine !== undefined) return mine;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
    },
  });

/**
 * What the stores committed, in their own order: stores do their work in the order of the calls (memory at once, others one call after the other), so the number that is drawn when one is called is that
 * of its commit, and what is read at once is how it was then.
 */
export class CommitLog {
  readonly #stores: WorldStores;
  readonly #agents: readonly string[];
  readonly #commits: StoreCommit[] = [];
  #order = 0;

  constructor(stores: WorldStores, agents: readonly string[]) {
    this.#stores = stores;
    this.#agents = agents;
  }

  /** All that was committed, in order. */
  get commits(): readonly StoreCommit[] {
    return this.#commits.toSorted((a, b) => a.order - b.order);
  }

  watchRollouts(store: RolloutStore): RolloutStore {
    const write = async (
      call: (change: RolloutChange) => Promise<{ readonly status: string }>,
      change: RolloutChange,
      done: string,
    ): Promise<unknown> => {
      const order = this.#next();
      const { record, event } = structuredClone(change);
      const answer = call(change);
      const moment = this.#look();
      const outcome = await answer;
      if (outcome.status !== done) return outcome;
      this.#commits.push({ order, kind: 'written', record, event });
      this.#commits.push({ order, kind: 'moment', ...(await moment) });
      return outcome;
    };
    return withMethods(store, {
      insert: ((change: RolloutChange) => write((one) => store.insert(one), change, 'inserted')) as Method,
      update: ((change: RolloutChange) => write((one) => store.update(one), change, 'updated')) as Method,
      setFreeze: (async (...args: Parameters<RolloutStore['setFreeze']>) => {
        const order = this.#next();
        await store.setFreeze(...args);
        this.#commits.push({ order, kind: 'frozen', agentId: args[1], isFrozen: args[2] !== undefined });
      }) as Method,
      endUnits: (async (...args: Parameters<RolloutStore['endUnits']>) => {
        const order = this.#next();
        await store.endUnits(...args);
        this.#commits.push({ order, kind: 'ended', ends: args[1] });
      }) as Method,
      recordValues: (async (...args: Parameters<RolloutStore['recordValues']>) => {
        const order = this.#next();
        const written = await store.recordValues(...args);
        this.#commits.push({ order, kind: 'valued', values: args[1] });
        return written;
      }) as Method,
    });
  }

  watchProjects(store: ProjectStore): ProjectStore {
    return withMethods(store, {
      activate: (async (...args: Parameters<ProjectStore['activate']>) => {
        const order = this.#next();
        const answer = store.activate(...args);
        const moment = this.#look();
        await answer;
        const ends = args[3];
        if (ends !== undefined) this.#commits.push({ order, kind: 'written', ...structuredClone(ends) });
        this.#commits.push({ order, kind: 'moment', ...(await moment) });
      }) as Method,
    });
  }

  watchRuns(store: RunStore): RunStore {
    return withMethods(store, {
      append: (async (request: AppendRequest) => {
        const order = this.#next();
        const outcome = await store.append(request);
        const facts = request.facts.filter(({ type }) => kept.has(type));
        const { runId, exposures = [] } = request;
        if (outcome.status === 'appended' && facts.length > 0)
          this.#commits.push({ order, kind: 'appended', runId, facts, exposures });
        return outcome;
      }) as Method,
    });
  }

  /** Rollouts that the log knows of, as they were written last. */
  get records(): ReadonlyMap<RolloutId, RolloutRecord> {
    const last = new Map<RolloutId, RolloutRecord>();
    for (const commit of this.commits) if (commit.kind === 'written') last.set(commit.record.id, commit.record);
    return last;
  }

  #next(): number {
    this.#order += 1;
    return this.#order;
  }

  /** Everything is read before anybody can write again. */
  async #look(): Promise<Pick<Extract<StoreCommit, { readonly kind: 'moment' }>, 'live' | 'active'>> {
    const { rollouts, projects } = this.#stores;
    const listing = rollouts.list(defaultTenant, undefined, 0, 0);
    const versions = this.#agents.map((agentId) => projects.activeVersion(defaultTenant, agentId));
    const active: { [agentId: string]: VersionId } = {};
    for (const version of await Promise.all(versions))
      if (version !== undefined) active[version.agentId] = version.versionId;
    return { live: (await listing).rollouts.filter(({ status }) => isLive(status)), active };
  }
}
