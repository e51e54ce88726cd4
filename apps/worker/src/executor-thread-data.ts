import type { TraceSettings } from '@skein/telemetry';
import type { WorkerConfig } from './config.ts';

/** What the executors' thread is told at its start; plain values only. */
export interface ExecutorThreadData {
  readonly workerId: string;
  /** Folder of this process for the private directories of tasks. */
  readonly workFolder: string;
  readonly stepEnv: { readonly [name: string]: string };
  readonly launchMarker?: string;
  /** Descriptor of the launch's file, for every step to inherit. */
  readonly launchFile?: number;
  readonly logLevel: WorkerConfig['logLevel'];
  readonly maxCacheBytes: number;
  /** The worker's own secrets. Values, in memory only. */
  readonly secretValues: { readonly [name: string]: string };
  readonly secretsFolder?: string;
  /** What `parseAllowedTargets` reads. */
  readonly httpAllow: string;
  /** Memory of the `LeaseWatch` that the endpoint keeps up to date. */
  readonly leaseWatch: SharedArrayBuffer;
  readonly traces?: TraceSettings;
}
