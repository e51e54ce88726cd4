import type { StepKind } from '@skein/domain';
import { type BenchProcess, startProcess } from '../measure.ts';

/** What `bench-worker.ts` is started with. */
export interface BenchWorkerOptions {
  readonly address: string;
  readonly token: string;
  /** Workers in the one process. */
  readonly workers: number;
  /** Of each worker. */
  readonly slots: number;
  readonly kinds: readonly StepKind[];
  readonly labels: { readonly [name: string]: string };
  readonly behaviour: 'instant' | 'hold' | 'agent';
}

/** Starts a process of workers; `up` when they have begun to join. */
export const startWorkers = (options: BenchWorkerOptions): Promise<BenchProcess> =>
  startProcess(new URL('./bench-worker.ts', import.meta.url), [JSON.stringify(options)]);
