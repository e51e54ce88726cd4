import type {
  Digest,
  SessionId,
  StepKind,
  TaskDeliveryState,
  TaskRef,
  TenantId,
  WorkerId,
  WorkerInfo,
  WorkerLoad,
} from '@skein/domain';
import { featureLabel, workerFeatures } from '@skein/domain';
import type { CoordinatorMessage, StreamLink, WorkerMessage } from '@skein/ports';
import type { SnapshotFormat } from '@skein/snapshot';
import { formatOf, snapshotFormats } from '@skein/snapshot';
import { Holdings } from './holdings.ts';
import type { ExpectedTransfer } from './transfer-counts.ts';
import { TransferCounts } from './transfer-counts.ts';

/** Whether step code began, as far as is known; `never` when it was not even offered, `unknown` when the coordinator that would know is gone. */
export type Started = 'never' | 'no' | 'yes' | 'unknown';

/** A task that a worker holds under a lease, in memory. */
export interface HeldTask {
  readonly key: string;
  readonly tenant: TenantId;
  readonly ref: TaskRef;
  /** Monotonic ms of the offer on the present stream. */
  readonly offeredAt: number;
  /** By the table of delivery: `leased` until the worker says that it has it, then `acknowledged`, then `running`. */
  state: TaskDeliveryState;
  received: boolean;
  started: Started;
  /** Monotonic ms of the last sign that the attempt goes on: the offer, a log, a checkpoint. */
  progressAt: number;
  /** What the worker said of messages, by number: known here only, and only of use while they are unread. */
  hints?: Map<number, 'delivered' | 'presented'>;
  /** Checkpoints that wait, in order, while their run is read again. */
  waitingCheckpoints?: {
    readonly messages: Extract<WorkerMessage, { readonly type: 'checkpoint' }>[];
    failures: number;
    timed: boolean;
  };
  /** Set once the task was told to stop. */
  cancelReason?: string;
  /** Set when it was offered with a snapshot by this coordinator. */
  readonly transfer?: ExpectedTransfer;
  /** Set while the coordinator at which the worker's stream ends has to confirm that it holds the task: in its answer of this number. */
  unconfirmed?: number;
}

/** A task of a run that is at home at another coordinator, at a worker whose stream ends here. */
export interface ForeignTask {
  readonly key: string;
  readonly ref: TaskRef;
  started: boolean;
  /** Its result came and has no answer yet. */
  finished: boolean;
  /** Name of its class; undefined when the offer did not go through here. */
  readonly taskClass: string | undefined;
}

/** Name of a task in memory. */
export const taskKey = (ref: Pick<TaskRef, 'runId' | 'step' | 'token'>): string =>
  `${ref.runId} ${ref.step} ${ref.token}`;

/**
 * One worker process as this coordinator knows it, across reconnects: its stream, its tasks, its free slots and the parts it holds.
 * A session without a stream is suspect: it keeps its tasks until its lease lapses, and gets nothing new.
 */
export class WorkerSession implements WorkerLoad {
  readonly workerId: WorkerId;
  tenant: TenantId;
  tokenId = '';
  info: WorkerInfo | undefined;
  /** Agreed on with the last welcome. */
  snapshotFormat: SnapshotFormat = formatOf(1, snapshotFormats);
  sessionId: SessionId;
  link: StreamLink<CoordinatorMessage> | undefined;
  /** Monotonic ms of the last accepted sign of life. */
  lastHeardAt: number;
  connectedAt = 0;
  /** Monotonic ms of the welcome here. */
  joinedAt = 0;
  draining = false;
  /** No sign of life for two heartbeats. */
  silent = false;
  /** After refusals: nothing new before this monotonic instant. */
  pausedUntil = 0;
  refusals = 0;
  readonly tasks = new Map<string, HeldTask>();
  /** Tasks that were taken from it though it may be alive, until it is known: if it is gone, they are charged with it. */
  readonly suspected = new Map<string, { readonly ref: TaskRef; readonly shared: boolean }>();
  holdings = new Holdings();
  /** Parts on their own that left here to their end, and did not leave the worker's cache since. */
  readonly partsSent = new Set<Digest>();
  readonly transfers = new TransferCounts();
  /** Free slots as last told, and how many offers the worker had seen then. */
  credits = 0;
  offersSeen = 0;
  offersSent = 0;
  /** Slots promised to runs whose turn has not come yet. */
  reserved = 0;
  offered = 0;
  /** The coordinator at which the stream ends; undefined: here. Its slots come by grants: `credits` counts all that were granted on it. */
  via: string | undefined;
  /** Of the worker's place; 0 without a fleet, or when it is not known. */
  epoch = 0;
  /** Tasks (by key) that the process began and gave up, as it said, and what was taken from it since. Undefined: unknown. */
  gaveUp: Map<string, TaskRef> | undefined;
  /** Peers were not told yet of what was added. */
  gaveUpChanged = false;
  /** Tasks of runs at home elsewhere, while the stream ends here. */
  readonly foreign = new Map<string, ForeignTask>();
  /** Who keeps what the worker said before it was gone, and gets the answers. */
  keeper: ((message: CoordinatorMessage) => void) | undefined;

  #labels: { readonly info: WorkerInfo; readonly labels: { readonly [name: string]: string } } | undefined;

  constructor(workerId: WorkerId, tenant: TenantId, sessionId: SessionId, heardAt: number) {
    this.workerId = workerId;
    this.tenant = tenant;
    this.sessionId = sessionId;
    this.lastHeardAt = heardAt;
  }

  /** Those of the worker, and of what it can do. */
  get labels(): { readonly [name: string]: string } {
    const { info } = this;
    if (info === undefined) return {};
    if (info.features === undefined) return info.labels;
    if (this.#labels?.info !== info) {
      const features = workerFeatures.filter((feature) => info.features?.includes(feature));
      const labels = Object.fromEntries(features.map((feature) => [featureLabel(feature), 'yes']));
      this.#labels = { info, labels: { ...info.labels, ...labels } };
    }
    return this.#labels.labels;
  }

  get kinds(): readonly StepKind[] {
    return this.info?.kinds ?? [];
  }

  get slots(): number {
    return this.info?.slots ?? 0;
  }

  get free(): number {
    return Math.max(0, this.credits - (this.offersSent - this.offersSeen) - this.reserved);
  }

  get accepting(): boolean {
    return this.link !== undefined && !this.draining && !this.silent && this.pausedUntil === 0;
  }

  /** Sends when there is a stream; otherwise the message is moot to the worker, because a reconnect settles what it said. */
  send(message: CoordinatorMessage): void {
    if (this.link === undefined) this.keeper?.(message);
    else this.link.send(message);
  }
}
