import type { StepKind } from '../dag/step.ts';
import type { TenantId, WorkerId } from '../identity/ids.ts';

/** What a worker can do that those of an older version cannot. `playback`: answer tool calls from a record, and make none of them. */
export type WorkerFeature = 'playback';

/** The features of a worker of this version. */
export const workerFeatures: readonly WorkerFeature[] = ['playback'];

/** The label by which a task asks for a feature; the coordinator gives it to those that have the feature. */
export const featureLabel = (feature: WorkerFeature): string => `skein.feature/${feature}`;

/** What a worker says of itself when it joins. */
export interface WorkerInfo {
  readonly workerId: WorkerId;
  /** Made by the launcher for this start of the process; the launcher's exit report names it. */
  readonly incarnation: string;
  readonly labels: { readonly [name: string]: string };
  /** Tasks that it runs at once. */
  readonly slots: number;
  readonly kinds: readonly StepKind[];
  readonly isolation: 'none' | 'uid' | 'sandbox';
  readonly snapshotFormats: readonly number[];
  /** Absent from workers that know none; unknown ones mean nothing. */
  readonly features?: readonly string[];
  readonly version: string;
  readonly hostname: string;
  readonly pid: number;
}

/** What placement needs to know of one connected worker. */
export interface WorkerLoad {
  readonly workerId: WorkerId;
  /** Of its join token: it gets tasks of no other. Absent: it serves all. */
  readonly tenant?: TenantId;
  readonly labels: { readonly [name: string]: string };
  readonly kinds: readonly StepKind[];
  readonly slots: number;
  readonly free: number;
  /** Suspect or draining workers get nothing new. */
  readonly accepting: boolean;
}

/** One line of `skein workers`. */
export interface WorkerView {
  readonly workerId: WorkerId;
  readonly state: 'connected' | 'suspect' | 'draining' | 'gone';
  readonly labels: { readonly [name: string]: string };
  readonly slots: number;
  readonly running: number;
  readonly pid: number;
  readonly hostname: string;
  readonly version: string;
  /** ISO 8601. */
  readonly connectedAt: string;
  readonly tasks: number;
  /** Manifests that it was sent, with whatever parts it lacked. */
  readonly snapshotsReceived: number;
  /** Compressed, parts on their own included. */
  readonly snapshotBytesReceived: number;
  /** Bytes that were not sent because the worker held them; a part on its own that was never sent from here counts with its uncompressed size. */
  readonly snapshotBytesSaved: number;
}
