import type {
  CheckpointEntry,
  Dag,
  MessageView,
  NumberedDeliveryEvent,
  ResumePoint,
  Step,
  TaskOffer,
  ToolEntry,
  TurnEntry,
} from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import type { Scene, SceneOptions, ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, publishAgents, stepOf, taskOf } from '@skein/testkit';
import type { SendMessage } from '../src/coordinator.ts';

/** An agent step. */
export const agentOf = (id: string, fields: Partial<Step> = {}): Step =>
  stepOf(id, {
    action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: false, propose: false } },
    ...fields,
  });

/** A turn of the model, with one call unless it says otherwise. */
export const turnEntry = (turn: number, fields: Partial<TurnEntry> = {}): TurnEntry => ({
  type: 'turn',
  thread: '',
  turn,
  delta: { inline: { said: [], text: `turn ${turn}`, toolCalls: [] } },
  finishReason: 'tool_calls',
  calls: [{ index: 0, callId: `call-${turn}`, tool: 'bash', class: 'effect' }],
  usage: { inputTokens: 10, outputTokens: 1 },
  ...fields,
});

/** The result of the call of a turn. */
export const toolEntry = (turn: number): ToolEntry => ({
  type: 'tool',
  thread: '',
  turn,
  index: 0,
  callId: `call-${turn}`,
  tool: 'bash',
  result: { inline: `result ${turn}` },
  isError: false,
  durationMs: 1,
});

/** A scene with DAGs of agent steps, and what is asked of it again and again. */
export class AgentScene {
  readonly scene: Scene;
  readonly #counts: Map<string, number>;

  constructor(scene: Scene, counts: Map<string, number>) {
    this.scene = scene;
    this.#counts = counts;
  }

  /** Sum of a counter, of the label values given. */
  count(name: string, labels: { readonly [name: string]: string } = {}): number {
    return this.#counts.get(`${name} ${JSON.stringify(labels)}`) ?? 0;
  }

  checkpoint(worker: ScriptedWorker, offer: TaskOffer, index: number, entries: readonly CheckpointEntry[]): void {
    worker.send({ type: 'checkpoint', task: taskOf(offer), index, entries });
  }

  /** The same, and lets everything that follows happen. */
  async record(
    worker: ScriptedWorker,
    offer: TaskOffer,
    index: number,
    entries: readonly CheckpointEntry[],
  ): Promise<void> {
    this.checkpoint(worker, offer, index, entries);
    await this.scene.settle();
  }

  async send(runId: string, text: string, changes: Partial<SendMessage> = {}, step = 'a'): Promise<MessageView> {
    const sent = await this.scene.coordinator.sendMessage(defaultTenant, runId, step, { text, ...changes }, 'ann');
    await this.scene.settle();
    return sent.message;
  }

  /** The launcher says that the worker's process is gone. */
  async exit(worker: ScriptedWorker): Promise<void> {
    const { incarnation } = worker.info;
    await this.scene.coordinator.gateway.reportExit({ token: this.scene.joinToken }, { incarnation });
    await this.scene.settle();
  }

  /** The worker's process goes on and opens another stream, with these tasks running. */
  async reconnect(worker: ScriptedWorker, offers: readonly TaskOffer[]): Promise<ScriptedWorker> {
    const again = this.scene.connect(worker.info);
    again.hello({ running: offers.map((offer) => ({ ...taskOf(offer), started: true })) });
    await this.scene.settle();
    return again;
  }

  async resumePoint(offer: TaskOffer): Promise<ResumePoint> {
    const bytes = await this.scene.stores.blobs.get(defaultTenant, offer.resume?.digest ?? '');
    return JSON.parse(new TextDecoder().decode(bytes)) as ResumePoint;
  }

  async events(): Promise<readonly NumberedDeliveryEvent[]> {
    await this.scene.settle();
    return (await this.scene.coordinator.readDeliveryEvents(defaultTenant, 0, 1_000)).items;
  }
}

/** A scene whose DAG `talk` is one agent step `a`; others may be given. */
export const createAgentScene = async (
  dags: readonly Dag[] = [],
  options: Omit<SceneOptions, 'dags'> = {},
): Promise<AgentScene> => {
  const counts = new Map<string, number>();
  const meter = {
    count: (name: string, by = 1, labels: { readonly [name: string]: string } = {}) => {
      for (const key of new Set([`${name} {}`, `${name} ${JSON.stringify(labels)}`]))
        counts.set(key, (counts.get(key) ?? 0) + by);
    },
    gauge: () => undefined,
    observe: () => undefined,
  };
  const scene = await createScene({ dags: [], ...options, deps: { meter, ...options.deps } });
  await publishAgents(scene.stores.projects, scene.hasher, {
    dags: [dagOf([agentOf('a')], { name: 'talk' }), ...dags],
    agents: { scout: {} },
  });
  return new AgentScene(scene, counts);
};
