import type {
  Dag,
  Digest,
  JsonObject,
  JsonValue,
  ModelProvider,
  Problem,
  RunId,
  RunStatus,
  VersionId,
} from '@skein/domain';
import type { ApplyPlan } from './plan-wire.ts';
import type { TokenRole } from './security-wire.ts';

/** A page of a list. */
export interface ListPage<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

/** A run to be started. */
export interface SubmitRunInput {
  readonly dag: string;
  readonly params?: { readonly [name: string]: JsonValue };
  /** What rollouts choose by, for example `{ resourceId, threadId }`; at most 16 KiB as JSON. */
  readonly routingContext?: JsonObject;
  /** Higher runs first; default 0. */
  readonly priority?: number;
  /** The input comes from someone who may not write to memory: what the run proposes waits for review. */
  readonly untrustedInput?: boolean;
  /** Set by a scheduler: at most one run per DAG, schedule and nominal instant (ISO 8601). */
  readonly fire?: { readonly scheduleId: string; readonly nominalAt: string };
}

/** Filter of the run list; newest first. */
export interface ListRunsInput {
  readonly dag?: string;
  readonly status?: RunStatus;
  /** The runs that steps of this run called; without it, only runs that nobody called are listed. */
  readonly parent?: RunId;
  readonly limit?: number;
  readonly cursor?: string;
}

/** One line of the run list. */
export interface RunListItem {
  readonly runId: RunId;
  readonly dag: string;
  readonly status: RunStatus;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly partial: boolean;
  readonly retryOf?: RunId;
  readonly parentRunId?: RunId;
  readonly rootRunId?: RunId;
}

/** One event of a run; `seq` is the cursor to resume after. */
export interface WatchedEvent {
  readonly seq: number;
  readonly type: string;
  /** ISO 8601. */
  readonly at: string;
  readonly runId: RunId;
  readonly data: JsonObject;
}

/** A piece of an attempt's log. */
export interface LogPage {
  readonly attempt: number;
  readonly text: string;
  /** Offset in bytes to go on from. */
  readonly next: number;
  /** No more will come. */
  readonly complete: boolean;
}

/** Which part of a log is wanted. */
export interface LogInput {
  readonly attempt?: number;
  readonly offset?: number;
  readonly limit?: number;
}

/** One file of a project; `mode` holds its permission bits. */
export interface ApplyFile {
  readonly path: string;
  readonly mode?: number;
  readonly bytes: Uint8Array;
}

/** A project to be published. */
export interface ApplyInput {
  readonly files: readonly ApplyFile[];
  readonly autoModel?: {
    readonly provider: ModelProvider;
    readonly model: string;
    readonly baseUrl?: string;
    readonly secretName?: string;
  };
  /** `new`: only versions that are new, or whose agent has no active one yet. */
  readonly activate?: boolean | 'new';
  /** Name the published versions the candidates of their agents; not together with `activate: true`. */
  readonly candidate?: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** What an apply did, or would do. */
export interface ApplyOutcome {
  readonly dryRun: boolean;
  readonly agents: readonly {
    readonly agentId: string;
    readonly versionId: VersionId;
    readonly alias: string;
    readonly created: boolean;
    readonly activated: boolean;
    readonly candidate: boolean;
  }[];
  readonly dags: readonly {
    readonly name: string;
    readonly digest: Digest;
    readonly change: 'created' | 'updated' | 'unchanged';
  }[];
  readonly memory: readonly { readonly scope: string; readonly seeded: boolean }[];
  readonly warnings: readonly Problem[];
  readonly plan: ApplyPlan;
}

/** One DAG in a list. */
export interface DagListItem {
  readonly name: string;
  readonly digest: Digest;
  readonly description?: string;
  readonly steps: number;
}

/** One DAG in full. */
export interface DagDocument {
  readonly name: string;
  readonly digest: Digest;
  readonly dag: Dag;
  readonly source?: string;
}

/** A schedule of a DAG. */
export interface Schedule {
  readonly dag: string;
  readonly dagDigest: Digest;
  readonly scheduleId: string;
  readonly cron: string;
  readonly timeZone: string;
}

/** One agent in a list. */
export interface AgentListItem {
  readonly agentId: string;
  readonly activeVersionId?: VersionId;
  readonly activeAlias?: string;
  readonly candidateVersionId?: VersionId;
  readonly candidateAlias?: string;
  readonly versions: number;
}

/** A token without its secret. */
export interface TokenInfo {
  readonly tokenId: string;
  readonly kind: 'api' | 'join';
  /** Of an API token. */
  readonly role?: TokenRole;
  /** Of a join token: the labels of its workers; `*` lets them choose. */
  readonly labels?: { readonly [name: string]: string };
  /** Of a join token: how many worker processes may join by it, and how many did. */
  readonly maxUses?: number;
  readonly uses?: number;
  readonly name: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
}

/** A fresh token with its plain text. */
export interface CreatedToken extends TokenInfo {
  readonly token: string;
}

/** Whether the coordinator can do its work. */
export interface ReadinessInfo {
  readonly status: 'ready' | 'not_ready' | 'unknown';
  readonly checks: { readonly [name: string]: { readonly ok: boolean; readonly detail?: string } };
  /** Of a caller with a token. */
  readonly coordinator?: {
    readonly coordinatorId: string;
    /** Its own clock, ISO 8601. */
    readonly now: string;
    /** Workers whose streams end there. */
    readonly workers: number;
    readonly shards: number;
    /** The others that it sees alive. */
    readonly others: readonly {
      readonly coordinatorId: string;
      readonly reached: boolean;
      /** False while the two are of different versions. */
      readonly sameFacts: boolean;
      readonly leaving: boolean;
    }[];
  };
}
