import type { Dag, JsonValue, RolloutUnit, RunId, Score, TaskOffer, TaskOutcome, Usage } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import type { ScriptedWorker } from '@skein/testkit';
import { publishAgents, taskOf } from '@skein/testkit';
import type { RolloutView, StartRollout } from '../src/index.ts';
import type { OnRolloutCall } from './rollout-scene.ts';
import { createRolloutScene, type RolloutScene } from './rollout-scene.ts';

/** What a worker answers. */
export interface Answer {
  readonly outcome?: TaskOutcome;
  readonly outputs?: { readonly [name: string]: JsonValue };
  readonly usage?: Partial<Usage>;
  readonly durationMs?: number;
}

const usage: Usage = {
  turns: 1,
  toolCalls: 2,
  inputTokens: 10,
  outputTokens: 5,
  schemaRepairs: 0,
  toolErrors: 1,
  costUsd: 0.5,
};

/** Whether an offer is that of a judge. */
export const isJudge = (offer: TaskOffer): boolean => offer.dagName === 'evaluation';

/** The scene of rollouts with a worker that answers what it is told, and an agent `judge`. */
export class ScoringScene {
  readonly rollout: RolloutScene;
  worker: ScriptedWorker;
  #answered = 0;

  constructor(rollout: RolloutScene, worker: ScriptedWorker) {
    this.rollout = rollout;
    this.worker = worker;
  }

  get scene(): RolloutScene['scene'] {
    return this.rollout.scene;
  }

  start(changes: Partial<StartRollout> = {}): Promise<RolloutView> {
    return this.rollout.start(changes);
  }

  /** Submits a run of a unit; its steps are offered. */
  submit(unit: string, dag = 'look'): Promise<string> {
    return this.scene.submit(dag, { routingContext: { resourceId: unit } });
  }

  /** Answers the offers that were not answered yet. */
  async answer(answer: Answer | ((offer: TaskOffer) => Answer | undefined) = {}): Promise<number> {
    const { offers } = this.worker;
    let count = 0;
    for (; this.#answered < offers.length; this.#answered += 1) {
      const offer = offers[this.#answered] as TaskOffer;
      const said = typeof answer === 'function' ? answer(offer) : answer;
      if (said === undefined) continue;
      count += 1;
      this.worker.start(offer);
      const { outcome = { status: 'succeeded' }, outputs = {}, durationMs = 40 } = said;
      this.worker.send({
        type: 'result',
        result: {
          ...taskOf(offer),
          outcome,
          outputs: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, { inline: value }])),
          usage: { ...usage, ...said.usage },
          durationMs,
        },
      });
      this.worker.credits(40);
    }
    await this.scene.settle();
    return count;
  }

  /** A run of a unit that is over and, after some turns of the loop, measured. */
  async run(unit: string, answer: Answer = {}, dag = 'look'): Promise<string> {
    const runId = await this.submit(unit, dag);
    await this.answer(answer);
    await this.settle();
    return runId;
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await this.scene.settle();
  }

  units(id: string): Promise<readonly RolloutUnit[]> {
    return this.rollout.units(id);
  }

  scores(runId: RunId): Promise<readonly Score[]> {
    return this.rollout.rollouts.listScores(defaultTenant, runId);
  }

  judges(): readonly TaskOffer[] {
    return this.worker.offers.filter(isJudge);
  }

  /** `kill -9` of the coordinator; another starts on the same stores, and the worker joins it with nothing running. */
  async restart(): Promise<void> {
    await this.scene.restart();
    await this.rejoin();
  }

  /** Another worker takes the place of the one that was. */
  async rejoin(): Promise<void> {
    this.worker = await this.scene.join({ slots: 50 });
    this.#answered = 0;
  }
}

/** The scene, open. */
export const createScoringScene = async (
  options: { readonly dags?: readonly Dag[]; readonly onCall?: OnRolloutCall } = {},
): Promise<ScoringScene> => {
  const rollout = await createRolloutScene(options);
  await publishAgents(rollout.scene.stores.projects, rollout.scene.hasher, {
    dags: [],
    agents: { judge: { law: 10 } },
  });
  return new ScoringScene(rollout, await rollout.scene.join({ slots: 50 }));
};
