import {
  createRunState,
  type Dag,
  type DagIndex,
  decide,
  decideVersion,
  evolveAll,
  isTerminalRun,
  placeUnit,
  planRun,
  type ReadyTask,
  type RolloutRecord,
  type RunCommand,
  type RunState,
  shardOf,
} from '@skein/domain';
import type { Hasher } from '@skein/ports';
import type { RuleCosts } from './calibrate.ts';
import { type Control, candidateLeaseMs } from './control.ts';
import { costs, messagesPerTask } from './costs.ts';
import type { EventQueue } from './event-queue.ts';
import { CommitLog, Resource } from './resource.ts';
import type { Statistics } from './statistics.ts';
import { homesOf } from './weights.ts';

/** What all cells share. */
export interface World {
  readonly queue: EventQueue;
  readonly rules: RuleCosts;
  readonly dag: Dag;
  readonly graph: DagIndex;
  readonly hasher: Hasher;
  readonly statistics: Statistics;
  /** How long a step takes, ms. */
  readonly stepMs: () => number;
  /** True: cells read the record now and then, and need no lease. What that costs is what the model is asked. */
  readonly withoutLease: boolean;
}

interface Waiting {
  readonly run: Run;
  readonly task: ReadyTask;
  readonly since: number;
}

/** A run, its truth the state that the real rules evolve. */
interface Run {
  readonly state: RunState;
  readonly home: number;
  readonly submittedAt: number;
  readonly accepted: () => void;
}

/** Virtual time 0, ms since the epoch. */
const ms = 1_700_000_000_000;

/** Signs of life are counted so often, ms. */
const beatMs = 50;

/** Coordinators, one database, workers. Everything in it is lost and comes back together. */
export class Cell {
  readonly id: string;
  readonly coordinators: readonly Resource[];
  readonly log: CommitLog;
  readonly #world: World;
  readonly #homes: readonly number[];
  /** Free slots of the workers whose streams end at each coordinator. */
  readonly #free: number[];
  readonly #slots: number;
  readonly #queue: Waiting[] = [];
  readonly #open = new Set<Run>();
  #record: RolloutRecord;
  #leaseUntil = 0;
  /** Rises when the cell is lost: what was under way in it is void. */
  #life = 0;
  up = true;
  /** False: cut off from the control, and working on. */
  inTouch = true;

  constructor(
    world: World,
    id: string,
    record: RolloutRecord,
    size: { readonly coordinators: number; readonly workers: number },
  ) {
    this.#world = world;
    this.id = id;
    this.#record = record;
    this.coordinators = Array.from({ length: size.coordinators }, () => new Resource(world.queue));
    this.log = new CommitLog(world.queue, costs.commitMs, costs.appendMs);
    this.#homes = homesOf(id, size.coordinators);
    this.#slots = size.workers;
    this.#free = this.coordinators.map((_, at) => Math.floor((size.workers + at) / size.coordinators));
    this.#beat();
  }

  get openRuns(): number {
    return this.#open.size;
  }

  adopt(record: RolloutRecord): void {
    this.#record = record;
  }

  /** Keeps the lease while the control answers. */
  follow(control: Control): void {
    const askedAt = this.#world.queue.now;
    if (this.up && this.inTouch)
      control.renew(this, (record) => {
        this.#record = record;
        this.#leaseUntil = askedAt + candidateLeaseMs;
      });
    this.#world.queue.after(this.#world.withoutLease ? 5_000 : candidateLeaseMs / 4, () => this.follow(control));
  }

  /** A submit has arrived. `accepted` is called once it is durable; never, if the cell is lost before. */
  submit(runId: string, unit: string, accepted: () => void): void {
    const { queue, rules, dag, graph } = this.#world;
    const home = this.#homes[shardOf(runId)] ?? 0;
    const life = this.#life;
    const submittedAt = queue.now;
    const work = costs.submitMs + rules.routeMs + 2 * rules.turnMs;
    this.#coordinator(home).work(work, () => {
      if (life !== this.#life) return;
      const state = createRunState('default', runId, dag, graph);
      const run: Run = { state, home, submittedAt, accepted };
      const submit: RunCommand = {
        type: 'submit',
        dagDigest: '',
        params: {},
        routingContext: { resourceId: unit },
        priority: 0,
        source: { kind: 'api' },
      };
      this.#apply(run, submit);
      const decision = this.#decide(unit);
      const isCandidate = decision.arm !== undefined && decision.arm !== 0;
      this.#apply(run, { type: 'admit', agents: { agent: decision } });
      this.log.append(() => {
        if (life !== this.#life) return;
        this.#world.statistics.admitted(isCandidate, queue.now);
        this.#open.add(run);
        run.accepted();
        this.#drive(run);
      });
    });
  }

  /** All of it is gone, and its runs stand still. */
  lose(): void {
    this.up = false;
    this.inTouch = false;
    this.#life += 1;
    this.#leaseUntil = 0;
    this.#queue.length = 0;
  }

  /** It is back: leases of before have lapsed, their steps are leased again. */
  recover(): void {
    this.up = true;
    this.inTouch = true;
    this.#free.fill(Math.floor(this.#slots / this.coordinators.length));
    for (const run of this.#open) {
      for (const step of run.state.steps.values()) {
        if (step.lease === undefined) continue;
        this.#world.statistics.rerun();
        this.#apply(run, {
          type: 'lose',
          step: step.path,
          token: step.lease.token,
          reason: 'lease_lapsed',
          started: true,
        });
      }
      this.#coordinator(run.home).work(this.#world.rules.turnMs, () => this.#drive(run));
    }
  }

  #decide(unit: string) {
    const { hasher, queue, withoutLease } = this.#world;
    const place = placeUnit(hasher, this.#record.salt, unit);
    const mayExpose = withoutLease || queue.now < this.#leaseUntil;
    const rollout = mayExpose ? this.#record : { ...this.#record, status: 'paused' as const };
    const decided = decideVersion({ rollout, active: rollout.stableVersionId, unit, place, now: ms + queue.now });
    if (decided === undefined) throw new Error('the agent has no version');
    return decided.decision;
  }

  #apply({ state }: Run, command: RunCommand): void {
    const decision = decide(state, command, ms + Math.floor(this.#world.queue.now));
    if (!decision.ok) throw decision.error;
    evolveAll(state, decision.value);
  }

  #coordinator(at: number): Resource {
    return this.coordinators[at] as Resource;
  }

  /** Leases what the plan says is ready, as far as there are slots: here first, then at another coordinator of the cell. */
  #drive(run: Run): void {
    for (const task of planRun(run.state, ms + this.#world.queue.now).ready) {
      this.#queue.push({ run, task, since: this.#world.queue.now });
    }
    this.#dispatch();
  }

  #dispatch(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const { home } = next.run;
      const holder = (this.#free[home] ?? 0) > 0 ? home : this.#free.findIndex((free) => free > 0);
      if (holder === -1) return;
      this.#queue.shift();
      this.#lease(next, holder);
    }
  }

  #lease({ run, task, since }: Waiting, holder: number): void {
    const { queue, rules, statistics, stepMs } = this.#world;
    const life = this.#life;
    const free = this.#free[holder] ?? 0;
    this.#free[holder] = free - 1;
    const isAway = holder !== run.home;
    const passing = isAway ? costs.passOnMs * messagesPerTask : 0;
    if (isAway) this.#coordinator(holder).spend(passing);
    // The dispatcher looks at every worker with a free slot.
    const placing = rules.placePerWorkerMs * free;
    this.#coordinator(run.home).work(rules.turnMs + placing + costs.messageMs + passing, () => {
      if (life !== this.#life) return;
      this.#apply(run, { type: 'lease', step: task.step, workerId: `w${holder}`, sessionId: 's' });
      this.log.append(() => {
        const hops = isAway ? 3 : 1;
        queue.after(costs.nearMs * hops, () => {
          if (life !== this.#life) return;
          statistics.dispatched(queue.now - since, isAway);
          queue.after(stepMs(), () => this.#finish(run, task, holder, life));
        });
      });
    });
  }

  #finish(run: Run, task: ReadyTask, holder: number, life: number): void {
    const { queue, rules, statistics } = this.#world;
    if (life !== this.#life) return;
    queue.after(costs.nearMs * (holder === run.home ? 1 : 2), () => {
      if (life !== this.#life) return;
      const work = rules.turnMs + (messagesPerTask - 1) * costs.messageMs;
      this.#coordinator(run.home).work(work, () => {
        if (life !== this.#life) return;
        const lease = run.state.steps.get(task.stepId)?.lease;
        if (lease === undefined) return;
        const result = {
          runId: run.state.runId,
          step: task.step,
          attempt: task.attempt,
          token: lease.token,
          outcome: { status: 'succeeded' as const },
          outputs: {},
          durationMs: 1,
        };
        this.#apply(run, { type: 'finish', workerId: lease.workerId, result });
        this.log.append(() => {
          if (life !== this.#life) return;
          this.#free[holder] = (this.#free[holder] ?? 0) + 1;
          if (!isTerminalRun(run.state.status)) this.#drive(run);
          const plan = planRun(run.state, ms + queue.now);
          if (plan.facts.length > 0) evolveAll(run.state, plan.facts);
          if (isTerminalRun(run.state.status)) {
            this.#open.delete(run);
            statistics.finished(queue.now - run.submittedAt);
          }
          this.#dispatch();
        });
      });
    });
  }

  /** Signs of life of all workers, a part of them at a time. */
  #beat(): void {
    const beats = (this.#slots / this.coordinators.length) * (beatMs / costs.heartbeatEveryMs);
    if (this.up) for (const coordinator of this.coordinators) coordinator.spend(beats * costs.heartbeatMs);
    this.#world.queue.after(beatMs, () => this.#beat());
  }
}
