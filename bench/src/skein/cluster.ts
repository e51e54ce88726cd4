import { startWorkers } from './bench-worker-options.ts';
import { CoordinatorProcess } from './coordinator-process.ts';

/** A run as far as the figures read it. */
export interface FinishedRun {
  readonly runId: string;
  readonly status: string;
  readonly steps: readonly { readonly outputs: { readonly startedAt?: number } }[];
}

/** A coordinator process on a libSQL file with full synchronous writes, and one warm worker process. */
export interface Cluster {
  /** Submits over HTTP and waits for the end in the same call. */
  run(dag: string): Promise<FinishedRun>;
  stop(): Promise<void>;
}

const noops = (count: number, chained: boolean): string =>
  Array.from(
    { length: count },
    (_, index) => `  - id: s${index}\n    type: noop\n${chained && index > 0 ? `    depends: s${index - 1}\n` : ''}`,
  ).join('');

const project: Readonly<Record<string, string>> = {
  'dags/one.yaml': `name: one\nsteps:\n${noops(1, false)}`,
  'dags/chain.yaml': `name: chain\nsteps:\n${noops(20, true)}`,
};

/** Submits a run over HTTP and waits for its end in the same call; throws when it does not succeed. */
export const runOnce = async (
  coordinator: CoordinatorProcess,
  dag: string,
  params: Readonly<Record<string, string>> = {},
): Promise<FinishedRun> => {
  const run = await coordinator.call<FinishedRun>('POST', '/api/runs?waitMs=30000', { dag, params });
  if (run.status !== 'succeeded') throw new Error(`run ${run.runId} is ${run.status}`);
  return run;
};

/** Starts both processes on free ports in a temporary folder. Needs the build. */
export const startCluster = async (): Promise<Cluster> => {
  const coordinator = await CoordinatorProcess.start(project);
  const { grpc: address, joinToken: token } = coordinator;
  const worker = await startWorkers({
    address,
    token,
    workers: 1,
    slots: 512,
    kinds: ['noop'],
    labels: {},
    behaviour: 'instant',
  });
  await coordinator.workersJoined(1);
  return {
    run: (dag) => runOnce(coordinator, dag),
    stop: async () => {
      await worker.stop();
      await coordinator.stop();
    },
  };
};
