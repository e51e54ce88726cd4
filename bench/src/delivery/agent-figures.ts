import { latencies, nowMs } from '../measure.ts';
import { startWorkers } from '../skein/bench-worker-options.ts';
import { CoordinatorProcess } from '../skein/coordinator-process.ts';

/** A step whose worker plays an agent with a model that answers at once; ms. */
export interface AgentFigures {
  /** From the sender's call to its answer: the message is on disk. */
  readonly accepted: readonly number[];
  /** From the sender's call until it is in a model request. */
  readonly presented: readonly number[];
  /** From the sender's call until the worker knows that the turn which read it is on disk. */
  readonly consumed: readonly number[];
  /** From the sender's call until the sender, who waits for it, has been told that it was read. */
  readonly told: readonly number[];
  /** A turn with one tool call: the turn on disk, then the result of the call on disk; the model and the tool take no time. */
  readonly turns: readonly number[];
}

const project = {
  'agents/bench/agent.yaml': 'model: { provider: offline, model: rules-1 }\n',
  'agents/bench/INSTRUCTIONS.md': 'Answer with one word.\n',
  'dags/talk.yaml': 'name: talk\nsteps:\n  - id: a\n    type: agent\n    agent: bench\n    prompt: "Say done."\n',
};

/** A mailbox takes 1,000 messages in its life. */
const perStep = 500;

/** So many messages one after the other, and so many turns; each with a few more before them that do not count. */
export const measureAgent = async (messages: number, turns: number): Promise<AgentFigures> => {
  const coordinator = await CoordinatorProcess.start(project);
  const worker = await startWorkers({
    address: coordinator.grpc,
    token: coordinator.joinToken,
    workers: 1,
    slots: 1,
    kinds: ['agent'],
    labels: {},
    behaviour: 'agent',
  });
  const figures = {
    accepted: [] as number[],
    presented: [] as number[],
    consumed: [] as number[],
    told: [] as number[],
  };
  const beginRun = async (): Promise<string> => {
    const running = worker.next('running');
    const { runId } = await coordinator.call<{ runId: string }>('POST', '/api/runs', { dag: 'talk', params: {} });
    await running;
    return `/api/runs/${runId}/steps/a/messages`;
  };
  const send = async (path: string, counts: boolean): Promise<void> => {
    const begin = nowMs();
    const read = worker.next<{ type: 'read'; presentedAt: number; consumedAt: number }>('read');
    const { messageId } = await coordinator.call<{ messageId: string }>('POST', path, { text: 'x'.repeat(200) });
    const accepted = nowMs();
    await coordinator.call('GET', `${path}/${messageId}?waitMs=30000`);
    const told = nowMs();
    const { presentedAt, consumedAt } = await read;
    if (!counts) return;
    figures.accepted.push(accepted - begin);
    figures.presented.push(presentedAt - begin);
    figures.consumed.push(consumedAt - begin);
    figures.told.push(told - begin);
  };
  const takeTurns = async (count: number): Promise<readonly number[]> => {
    const taken = worker.next<{ type: 'turns'; samples: readonly number[] }>('turns');
    worker.send({ type: 'turns', turns: count });
    return (await taken).samples;
  };
  try {
    for (let sent = 0; sent < messages; ) {
      const path = await beginRun();
      await latencies(sent === 0 ? 50 : 5, () => send(path, false));
      const now = Math.min(perStep, messages - sent);
      await latencies(now, () => send(path, true));
      sent += now;
      worker.send({ type: 'release' });
    }
    await beginRun();
    await takeTurns(20);
    const samples = await takeTurns(turns);
    worker.send({ type: 'release' });
    return { ...figures, turns: samples };
  } finally {
    await worker.stop();
    await coordinator.stop();
  }
};
