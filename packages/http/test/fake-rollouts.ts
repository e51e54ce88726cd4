import type {
  By,
  PatchRollout,
  PostScore,
  ReplayInput,
  ReplayView,
  RolloutForecast,
  RolloutResults,
  Rollouts,
  RolloutView,
  StartRollout,
} from '@skein/coordinator';
import { type AgentFreeze, DomainError, type RolloutStatus, type Score } from '@skein/domain';
import type { Observation, RolloutEventPage } from '@skein/ports';

const at = '2026-11-02T03:04:05.000Z';
const stable = `sha256:${'a'.repeat(64)}`;
const candidate = `sha256:${'b'.repeat(64)}`;

/** Sentences as every surface prints them. */
export const explanation = {
  code: 'started',
  decided: 'Canary of v2 began.',
  because: 'admin asked for it.',
  next: 'v2 gets 5 % of units.',
  data: {},
};

/** A rollout as the coordinator shows it. */
export const rolloutView = (more: Partial<RolloutView> = {}): RolloutView => ({
  id: 'rol_1',
  agentId: 'writer',
  type: 'canary',
  status: 'active',
  statusReason: 'requested',
  stableVersionId: stable,
  candidateVersionId: candidate,
  weight: '0.05',
  candidateWeight: 5,
  arms: [
    {
      versionId: stable,
      alias: 'v1',
      label: 'stable',
      weight: '0.95',
      parts: 4_080_218_931,
      percent: 95,
      units: 100,
      scores: {},
    },
    {
      versionId: candidate,
      alias: 'v2',
      label: 'candidate',
      weight: '0.05',
      parts: 214_748_365,
      percent: 5,
      units: 5,
      scores: {},
    },
  ],
  allocations: [
    { versionId: stable, weight: 95, label: 'stable' },
    { versionId: candidate, weight: 5, label: 'candidate' },
  ],
  routingKeys: ['resourceId', 'threadId'],
  routingKey: 'resourceId',
  steps: [],
  stepIndex: 0,
  stepStartedAt: at,
  rules: [],
  scorers: [],
  alpha: 0.01,
  alphaSpent: 0.01,
  promoteAlpha: 0.05,
  runPolicy: 'drain',
  onNoData: 'pause',
  onMissing: 'drop',
  valueDeadlineMs: 600_000,
  runDeadlineMs: 3_600_000,
  horizonAt: at,
  forced: [],
  memory: { mode: 'frozen', revision: 0 },
  shadow: '0',
  revision: 1,
  epoch: 1,
  createdBy: 'admin',
  createdAt: at,
  startedAt: at,
  updatedAt: at,
  completedAt: null,
  explanation,
  waitingFor: [],
  ...more,
});

const notThere = (what: string): never => {
  throw new DomainError('not_found', `there is no ${what}`);
};

/** Rollouts of one agent, `writer` (`bare` has no active version), in memory; every call is kept with its arguments. */
export class FakeRollouts implements Rollouts {
  readonly calls: { readonly name: string; readonly args: readonly unknown[] }[] = [];
  readonly all = new Map<string, RolloutView>();
  readonly eventLog: RolloutEventPage['events'][number][] = [];
  readonly scores: Score[] = [];
  live: RolloutView | undefined;
  /** Streams that are being watched now. */
  watching = 0;
  #freeze: AgentFreeze | undefined;
  #wake: (() => void)[] = [];

  readonly #forecast: RolloutForecast = { unitsPerDay: 12, steps: [], warnings: ['few units'] };

  async start(_tenant: string, agent: string, start: StartRollout, by: By) {
    this.#note('start', agent, start, by);
    this.#agent(agent);
    if (agent === 'bare') {
      throw new DomainError('invalid_argument', 'agent bare has no active version: activate one first');
    }
    if (start.eligibility === 'nonsense(') throw new DomainError('unprocessable', 'eligibility does not parse');
    if (this.live !== undefined) {
      throw new DomainError('already_exists', 'another rollout is live', { current: this.live });
    }
    this.set(rolloutView({ type: start.type, status: start.draft === true ? 'draft' : 'active', createdBy: by.actor }));
    return { rollout: this.#live(), forecast: this.#forecast };
  }
  async forecast(_tenant: string, agent: string, start: StartRollout) {
    this.#note('forecast', agent, start);
    this.#agent(agent);
    return this.#forecast;
  }
  async current(_tenant: string, agent: string) {
    this.#agent(agent);
    return this.live;
  }
  async read(_tenant: string, rolloutId: string) {
    return this.all.get(rolloutId) ?? notThere(`rollout ${rolloutId}`);
  }
  activate(_tenant: string, agent: string, options: object, by: By) {
    return this.#change('activate', agent, options, by, 'active');
  }
  patch(_tenant: string, agent: string, patch: PatchRollout, by: By) {
    return this.#change('patch', agent, patch, by, 'active');
  }
  pause(_tenant: string, agent: string, options: object, by: By) {
    return this.#change('pause', agent, options, by, 'paused');
  }
  resume(_tenant: string, agent: string, options: object, by: By) {
    return this.#change('resume', agent, options, by, 'active');
  }
  approve(_tenant: string, agent: string, options: object, by: By) {
    return this.#change('approve', agent, options, by, 'active');
  }
  promote(_tenant: string, agent: string, options: { readonly revision: number }, by: By) {
    return this.#change('promote', agent, options, by, 'completed');
  }
  rollback(
    _tenant: string,
    agent: string,
    options: { readonly revision?: number; readonly rolloutId?: string },
    by: By,
  ) {
    const ended = options.rolloutId === undefined ? undefined : this.all.get(options.rolloutId);
    if (this.live === undefined && ended?.status === 'rolled_back') return Promise.resolve(ended);
    return this.#change('rollback', agent, options, by, 'rolled_back');
  }
  cancel(_tenant: string, agent: string, options: object, by: By) {
    return this.#change('cancel', agent, options, by, 'cancelled');
  }
  async results(_tenant: string, agent: string, rolloutId?: string): Promise<RolloutResults> {
    this.#note('results', agent, rolloutId);
    this.#agent(agent);
    const { id, agentId, type, status } = rolloutId === undefined ? this.#live() : await this.read('', rolloutId);
    const srm = { lnB: 0, threshold: 6.9, alarm: false, chiSquare: 0, pValue: 1, expected: [95, 5] };
    const none = { epochs: 1, alpha: 0.01, alphaSpent: 0.01, tallies: {}, unrouted: 0, missing: 0, allocations: [] };
    return { rolloutId: id, agentId, type, status, srm, ...none, explanation };
  }
  async list(_tenant: string, agent: string | undefined, page: number, perPage: number | false) {
    this.#note('list', agent, page, perPage);
    if (agent !== undefined) this.#agent(agent);
    const found = [...this.all.values()].toReversed();
    const from = perPage === false ? 0 : (page - 1) * perPage;
    const rollouts = perPage === false ? found : found.slice(from, from + perPage);
    return { rollouts, total: found.length, page, perPage };
  }
  async observations(_tenant: string, agent: string, options: { readonly limit: number; readonly cursor?: string }) {
    this.#note('observations', agent, options);
    this.#agent(agent);
    const items: Observation[] = [
      {
        seq: 1,
        unit: 'f'.repeat(32),
        arm: 1,
        epoch: 1,
        metric: 'error',
        value: null,
        runId: 'run_1',
        assignedAt: 0,
        at: 1_000,
      },
    ];
    return { items, nextCursor: 'next', rolloutId: this.#live().id, arms: ['stable', 'candidate'] };
  }
  async events(_tenant: string, afterSeq: number, limit: number): Promise<RolloutEventPage> {
    const events = this.eventLog.filter(({ seq }) => seq > afterSeq).slice(0, limit);
    return { events, nextSeq: events.at(-1)?.seq ?? afterSeq } as RolloutEventPage;
  }
  async *watch(_tenant: string, agent: string, signal: AbortSignal) {
    this.#agent(agent);
    this.watching += 1;
    try {
      for (let shown: RolloutView | undefined; ; ) {
        const now = this.all.get(this.#lastId);
        if (now !== undefined && now !== shown) {
          shown = now;
          yield now;
          if (now.completedAt !== null) return;
        } else if (signal.aborted) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wake.push(resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
      }
    } finally {
      this.watching -= 1;
    }
  }
  async freeze(_tenant: string, agent: string, reason: string, by: By) {
    this.#agent(agent);
    this.#freeze = { agentId: agent, by: by.actor, reason, at: Date.parse(at) };
    return this.#freeze;
  }
  async unfreeze(_tenant: string, agent: string) {
    this.#agent(agent);
    this.#freeze = undefined;
  }
  async readFreeze(_tenant: string, agent: string) {
    this.#agent(agent);
    return this.#freeze;
  }
  async postScore(_tenant: string, runId: string, { scorer, value, step = '', reason }: PostScore, by: By) {
    if (runId !== 'run_1') notThere(`run ${runId}`);
    const known = this.scores.find((score) => score.scorer === scorer && score.step === step);
    if (known !== undefined) return { score: known, recorded: false, counted: false };
    const head = { runId, agentId: 'writer', versionId: candidate, scorer, step, value, by: by.actor };
    const score: Score = { ...head, ...(reason === undefined ? {} : { reason }), at: Date.parse(at) };
    this.scores.push(score);
    return { score, recorded: true, counted: true };
  }
  async listScores(_tenant: string, runId: string) {
    return runId === 'run_1' ? this.scores : notThere(`run ${runId}`);
  }
  async startReplay(_tenant: string, agent: string, replay: ReplayInput, by: By) {
    this.#note('startReplay', agent, replay, by);
    this.#agent(agent);
    return this.#replay;
  }
  async readReplay(_tenant: string, replayId: string) {
    return replayId === this.#replay.id ? this.#replay : notThere(`replay ${replayId}`);
  }
  async listReplays(_tenant: string, agent: string) {
    this.#agent(agent);
    return [this.#replay];
  }

  readonly #replay: ReplayView = {
    id: 'rpl_1',
    agentId: 'writer',
    candidateVersionId: candidate,
    status: 'running',
    mode: 'strict',
    createdAt: at,
    pairs: [],
    comparison: [],
    explanation,
  };

  #lastId = '';

  /** Makes a view the one that there is; a terminal one is live no longer. */
  set(view: RolloutView): void {
    this.all.set(view.id, view);
    this.#lastId = view.id;
    this.live = view.completedAt === null ? view : undefined;
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #change(name: string, agent: string, options: { revision?: number }, by: By, status: RolloutStatus) {
    this.#note(name, agent, options, by);
    this.#agent(agent);
    const live = this.#live();
    if (options.revision !== undefined && options.revision !== live.revision) {
      throw new DomainError('version_conflict', `it is at revision ${live.revision}`, { current: live });
    }
    const isOver = status === 'completed' || status === 'rolled_back' || status === 'cancelled';
    const next = { ...live, status, revision: live.revision + 1, completedAt: isOver ? at : null };
    this.set(next);
    return next;
  }

  #note(name: string, ...args: readonly unknown[]): void {
    this.calls.push({ name, args });
  }

  #live(): RolloutView {
    return this.live ?? notThere('rollout');
  }

  #agent(agent: string): void {
    if (agent !== 'writer' && agent !== 'bare') notThere(`agent ${agent}`);
  }
}
