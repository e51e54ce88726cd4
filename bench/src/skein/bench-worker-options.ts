import type { StepKind } from '@skein/domain';
import { type BenchProcess, startProcess } from '../measure.ts';

/** What `bench-worker.ts` is started with. */
export interface BenchWorkerOptions {
  /** `HOST:PORT`, or several with commas between them: then each worker goes to any of them. */
  readonly address: string;
  readonly token: string;
  /** Workers in the one process. */
  readonly workers: number;
  /** Of each worker. */
  readonly slots: number;
  readonly kinds: readonly StepKind[];
  readonly labels: { readonly [name: string]: string };
  readonly behaviour: 'instant' | 'pause' | 'hold' | 'agent';
  /** How long a step of `pause` takes. */
  readonly pauseMs?: number;
  /** Time between two workers of the process that begin to join; all at once when not given. */
  readonly joinEveryMs?: number;
}

/** Starts a process of workers; `up` when they have begun to join. */
export const startWorkers = (options: BenchWorkerOptions): Promise<BenchProcess> =>
  startProcess(new URL('./bench-worker.ts', import.meta.url), [JSON.stringify(options)]);
