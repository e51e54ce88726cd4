import { cpSync, rmSync } from 'node:fs';
import { type BenchProcess, latencies, nowMs, startProcess, throughput } from '../measure.ts';
import { startWorkers } from '../skein/bench-worker-options.ts';
import { runOnce } from '../skein/cluster.ts';
import { CoordinatorProcess } from '../skein/coordinator-process.ts';
import { until } from '../skein/until.ts';
import { residentMiB, writtenBytes } from './written-bytes.ts';

/** Submits while so many runs were outstanding before. */
export interface AcceptFigures {
  readonly outstanding: number;
  /** ms of submits one after the other. */
  readonly latencies: readonly number[];
  /** With 64 in flight. */
  readonly perSecond: number;
  readonly tasks: number;
  /** Bytes that the coordinator sent to the disk for each of those with 64 in flight; undefined where the system does not say. */
  readonly bytesPerTask: number | undefined;
  /** JSON of one request. */
  readonly payloadBytes: number;
}

/**
 * `runs`: one-step runs, of which the window has let in 256. `wide`: items of fan-outs that are under way.
 * `admitted`: one-step runs that are all let in, because half of them are at work.
 */
export type OpenShape = 'runs' | 'wide' | 'admitted';

/** One kill and restart of the coordinator; ms. */
export interface RestartFigures {
  readonly open: number;
  readonly shape: OpenShape;
  /** From the kill to the first new offer at a worker that had reconnected. */
  readonly total: readonly number[];
  /** From the start of the new process until it says that it is ready; then until the offer. */
  readonly untilReady: readonly number[];
  readonly readyToOffer: readonly number[];
  /** Stages of a start on a copy of the folder, in a process of its own. */
  readonly stages: RestartStages;
  readonly memoryMiB: { readonly now: number; readonly peak: number } | undefined;
}

/** ms. `load` is reading all that is open and taking it up, of which `list` is the one query. */
export interface RestartStages {
  readonly openStores: number;
  readonly list: number;
  readonly load: number;
  readonly openRuns: number;
}

const body = { dag: 'one', params: { text: 'x'.repeat(200) } };
const itemsPerRun = 1_000;
const fewSlots = 8;

const project = {
  'dags/one.yaml': `name: one
params:
  - { name: text, type: string, required: true }
steps:
  - id: a
    type: noop
`,
  'dags/warm.yaml': `name: warm
steps:
  - id: a
    type: noop
    worker_selector: { lane: warm }
`,
  'dags/wide.yaml': `name: wide
steps:
  - id: each
    type: noop
    foreach: { items: [${Array.from({ length: itemsPerRun }, (_, index) => index).join(', ')}] }
`,
};

interface Cluster {
  readonly coordinator: CoordinatorProcess;
  readonly holder: BenchProcess;
  /** When each offer came. */
  readonly offers: readonly number[];
  readonly slots: number;
  stop(): Promise<void>;
}

/** A coordinator, and a worker that takes a few tasks and holds them until it is told to let go, so that all else stays open. */
const start = async (nodeFlags: readonly string[], warmUps: number, slots = fewSlots): Promise<Cluster> => {
  const coordinator = await CoordinatorProcess.start(project, nodeFlags);
  const { grpc: address, joinToken: token } = coordinator;
  const common = { address, token, workers: 1, kinds: ['noop'] } as const;
  const holder = await startWorkers({ ...common, slots, labels: {}, behaviour: 'hold' });
  const offers: number[] = [];
  holder.child.on('message', ({ type, at }: { readonly type?: string; readonly at?: number }) => {
    if (type === 'running' && at !== undefined) offers.push(at);
  });
  const warm = await startWorkers({ ...common, slots: 64, labels: { lane: 'warm' }, behaviour: 'instant' });
  await coordinator.workersJoined(2);
  // The first submits pay for what is compiled and cached.
  await throughput(warmUps, 16, () => runOnce(coordinator, 'warm'));
  await warm.stop();
  return {
    coordinator,
    holder,
    offers,
    slots,
    stop: async () => {
      await holder.stop();
      await coordinator.stop();
    },
  };
};

const stagesOf = async (coordinator: CoordinatorProcess): Promise<RestartStages> => {
  const copy = `${coordinator.data}-copy`;
  cpSync(coordinator.data, copy, { recursive: true });
  rmSync(`${copy}/endpoint.json`, { force: true });
  try {
    const child = await startProcess(new URL('./restart-stages.ts', import.meta.url), [copy]);
    const stages = child.next<RestartStages & { readonly type: 'stages' }>('stages');
    child.send({ type: 'go' });
    const { type: _type, ...figures } = await stages;
    await child.stop();
    return figures;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
};

const measureRestarts = async (
  { coordinator, holder, offers, slots }: Cluster,
  open: number,
  shape: OpenShape,
  times: number,
): Promise<RestartFigures> => {
  const total: number[] = [];
  const untilReady: number[] = [];
  const readyToOffer: number[] = [];
  const settled = () =>
    until('all slots are taken', () => (offers.length > 0 && offers.length % slots === 0 ? true : undefined));
  const firstAfter = (at: number) => until('an offer', () => offers.find((offer) => offer > at), { limitMs: 300_000 });
  for (let index = 0; index < times; index += 1) {
    await settled();
    const killedAt = await coordinator.kill();
    // What it held is done; its slots are free for the first offers of the new coordinator.
    holder.send({ type: 'release' });
    const begin = nowMs();
    const ready = await coordinator.restart();
    const offered = await firstAfter(begin);
    total.push(offered - killedAt);
    untilReady.push(ready);
    readyToOffer.push(offered - begin - ready);
  }
  const memoryMiB = residentMiB(coordinator.pid);
  await settled();
  await coordinator.kill();
  const stages = await stagesOf(coordinator);
  holder.send({ type: 'release' });
  const begin = nowMs();
  await coordinator.restart();
  await firstAfter(begin);
  return { open, shape, total, untilReady, readyToOffer, stages, memoryMiB };
};

/** Accepting and restarting with these numbers of one-step runs outstanding, rising. */
export const measureRuns = async (
  levels: readonly number[],
  options: {
    readonly samples: number;
    readonly burst: number;
    readonly restarts: number;
    readonly nodeFlags?: readonly string[];
  },
): Promise<{ readonly accepts: readonly AcceptFigures[]; readonly restarts: readonly RestartFigures[] }> => {
  const cluster = await start(options.nodeFlags ?? [], options.samples);
  const { coordinator } = cluster;
  const accepts: AcceptFigures[] = [];
  const restarts: RestartFigures[] = [];
  const submit = () => coordinator.call('POST', '/api/runs', body);
  try {
    let open = 0;
    for (const level of levels) {
      if (level > open) {
        await throughput(level - open, 64, submit);
        open = level;
      }
      const singles = await latencies(options.samples, submit);
      const before = writtenBytes(coordinator.pid);
      const perSecond = await throughput(options.burst, 64, submit);
      const after = writtenBytes(coordinator.pid);
      open += options.samples + options.burst;
      accepts.push({
        outstanding: level,
        latencies: singles,
        perSecond,
        tasks: options.burst,
        bytesPerTask: before === undefined || after === undefined ? undefined : (after - before) / options.burst,
        payloadBytes: JSON.stringify(body).length,
      });
      if (level > 0) restarts.push(await measureRestarts(cluster, level, 'runs', options.restarts));
    }
    return { accepts, restarts };
  } finally {
    await cluster.stop();
  }
};

/** Restarts with these numbers of open items of fan-outs, multiples of 1,000; rising. */
export const measureWide = async (levels: readonly number[], restarts: number): Promise<readonly RestartFigures[]> => {
  const cluster = await start([], 1);
  const figures: RestartFigures[] = [];
  try {
    let open = 0;
    for (const level of levels) {
      await throughput((level - open) / itemsPerRun, 4, () =>
        cluster.coordinator.call('POST', '/api/runs', { dag: 'wide', params: {} }),
      );
      open = level;
      figures.push(await measureRestarts(cluster, level, 'wide', restarts));
    }
    return figures;
  } finally {
    await cluster.stop();
  }
};

/** Restarts with this number of one-step runs that are all admitted: half of them at a worker, half of them next. */
export const measureAdmitted = async (level: number, restarts: number): Promise<readonly RestartFigures[]> => {
  const cluster = await start([], 1, level / 2);
  try {
    await throughput(level, 64, () => cluster.coordinator.call('POST', '/api/runs', body));
    return [await measureRestarts(cluster, level, 'admitted', restarts)];
  } finally {
    await cluster.stop();
  }
};
