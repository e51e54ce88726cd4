import type {
  Dag,
  JsonValue,
  Playback,
  RunId,
  TaskOffer,
  TaskOutcome,
  ToolEntry,
  TurnEntry,
  Usage,
} from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import type { SceneOptions, ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, publishAgents, taskOf } from '@skein/testkit';
import type { ReplayInput } from '../src/rollout/rollout-requests.ts';
import type { ReplayView } from '../src/rollout/rollout-views.ts';
import { AgentScene, agentOf } from './agent-scene.ts';

/** How a step answers: its calls with their results, and its end. */
export interface StepScript {
  readonly calls?: readonly { readonly tool: string; readonly input: JsonValue; readonly output: JsonValue }[];
  readonly outcome?: TaskOutcome;
  readonly outputs?: { readonly [name: string]: JsonValue };
  readonly usage?: Partial<Usage>;
  readonly durationMs?: number;
}

const usage: Usage = { turns: 2, toolCalls: 1, inputTokens: 80, outputTokens: 20, schemaRepairs: 0, toolErrors: 0 };

/** Fails a step. */
export const failing: StepScript = {
  outcome: { status: 'failed', error: { code: 'resource_exhausted', message: 'no more turns' } },
};

/** A DAG whose one agent step is asked what its param says. */
const asking = dagOf(
  [
    agentOf('a', {
      action: {
        kind: 'agent',
        agent: 'scout',
        prompt: 'Find ${params.q}',
        limits: {},
        memory: { read: false, propose: true },
      },
    }),
  ],
  { name: 'ask', params: [{ name: 'q', type: 'string', required: true }] },
);

/** A scene with two versions of the agent `scout`, and workers that answer as scripts say. */
export class ReplayScene extends AgentScene {
  stable = '';
  candidate = '';

  async publish(dags: readonly Dag[] = []): Promise<void> {
    const { projects } = this.scene.stores;
    await publishAgents(projects, this.scene.hasher, {
      dags: [asking, ...dags],
      agents: { scout: { better: 4 } },
    });
    this.candidate = (await projects.activeVersion(defaultTenant, 'scout'))?.versionId ?? '';
    await publishAgents(projects, this.scene.hasher, { dags: [asking, ...dags], agents: { scout: {} } });
    this.stable = (await projects.activeVersion(defaultTenant, 'scout'))?.versionId ?? '';
  }

  /** Answers an offer as a worker does: a turn with the calls, their results, the end. */
  async play(worker: ScriptedWorker, offer: TaskOffer, script: StepScript = {}): Promise<void> {
    const { calls = [], outcome = { status: 'succeeded' }, outputs = { text: 'found' } } = script;
    const prompt = this.promptOf(offer);
    const turn: TurnEntry = {
      type: 'turn',
      thread: '',
      turn: 1,
      delta: {
        inline: {
          said: [{ role: 'user', text: prompt }],
          text: '',
          toolCalls: calls.map(({ tool, input }, index) => ({ callId: `c${index}`, tool, input })),
        },
      },
      finishReason: calls.length === 0 ? 'stop' : 'tool_calls',
      calls: calls.map(({ tool }, index) => ({ index, callId: `c${index}`, tool, class: 'effect' as const })),
      usage: { inputTokens: 10, outputTokens: 1 },
    };
    const results = calls.map(
      ({ tool, output }, index): ToolEntry => ({
        type: 'tool',
        thread: '',
        turn: 1,
        index,
        callId: `c${index}`,
        tool,
        result: { inline: output },
        isError: false,
        durationMs: 5,
      }),
    );
    worker.start(offer);
    await this.record(worker, offer, 0, [turn, ...results]);
    worker.send({
      type: 'result',
      result: {
        ...taskOf(offer),
        outcome,
        outputs:
          outcome.status === 'succeeded'
            ? Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, { inline: value }]))
            : {},
        usage: { ...usage, ...script.usage },
        durationMs: script.durationMs ?? 100,
      },
    });
    worker.credits(worker.info.slots);
    await this.scene.settle();
  }

  /** The prompt of an offer, as its agent would render it. */
  promptOf(offer: TaskOffer): string {
    const ref = offer.refs['params.prompt'] ?? offer.refs['params.q'];
    const text = ref !== undefined && 'inline' in ref && typeof ref.inline === 'string' ? ref.inline : '';
    return offer.refs['params.prompt'] === undefined ? `Find ${text}` : text;
  }

  /** A run that is over, as its script says. */
  async recorded(worker: ScriptedWorker, q: string, script?: StepScript): Promise<RunId> {
    const before = worker.offers.length;
    const runId = await this.scene.submit('ask', { params: { q } });
    const offer = worker.offers[before];
    if (offer === undefined) throw new Error('the run was not offered');
    await this.play(worker, offer, script);
    return runId;
  }

  /** Answers every offer from this place on until none comes for a while; returns how many there were. */
  async playAll(
    worker: ScriptedWorker,
    from: number,
    scriptOf: (offer: TaskOffer) => StepScript = () => ({}),
  ): Promise<number> {
    let next = from;
    for (let idle = 0; idle < 3; idle += 1) {
      await this.scene.clock.advance(1_000);
      await this.scene.settle();
      for (; next < worker.offers.length; idle = 0) {
        const offer = worker.offers[next];
        next += 1;
        if (offer !== undefined) await this.play(worker, offer, scriptOf(offer));
      }
    }
    return next - from;
  }

  async playbackOf(offer: TaskOffer): Promise<Playback> {
    const bytes = await this.scene.stores.blobs.get(defaultTenant, offer.playback?.digest ?? '');
    return JSON.parse(new TextDecoder().decode(bytes)) as Playback;
  }

  replay(id: string): Promise<ReplayView> {
    return this.scene.coordinator.rollouts.readReplay(defaultTenant, id);
  }

  async startReplay(
    runs: { readonly kind: 'failed' | 'sample' } | { readonly kind: 'low_score'; readonly below: number } = {
      kind: 'sample',
    },
    options: Pick<ReplayInput, 'limit' | 'mode' | 'scorers' | 'minPairs'> = {},
  ): Promise<string> {
    const { coordinator } = this.scene;
    const request = { candidate: this.candidate, runs, ...options };
    const { id } = await coordinator.rollouts.startReplay(defaultTenant, 'scout', request, { actor: 'ann' });
    await this.scene.settle();
    return id;
  }

  /** A worker of this version, with room for all that is replayed at once. */
  player(slots = 8): Promise<ScriptedWorker> {
    return this.scene.join({ slots, features: ['playback'] });
  }
}

/** A scene for replays and shadows. */
export const createReplayScene = async (options: Partial<SceneOptions> = {}): Promise<ReplayScene> => {
  const counts = new Map<string, number>();
  const meter = {
    count: (name: string, by = 1, labels: { readonly [name: string]: string } = {}) => {
      for (const key of new Set([`${name} {}`, `${name} ${JSON.stringify(labels)}`]))
        counts.set(key, (counts.get(key) ?? 0) + by);
    },
    gauge: () => undefined,
    observe: () => undefined,
  };
  const scene = new ReplayScene(await createScene({ dags: [], ...options, deps: { meter, ...options.deps } }), counts);
  await scene.publish();
  return scene;
};
