import type {
  AgentFreeze,
  Evidence,
  RolloutEvent,
  RolloutId,
  RolloutRecord,
  RolloutUnit,
  RolloutValue,
  Score,
  TallyKind,
  TenantId,
  VersionId,
} from '@skein/domain';
import type { Page } from './run-store.ts';

/**
 * A write of a rollout. In one transaction: the record (only if it is at `record.revision - 1` and not terminal), the event, the evidence,
 * the agent's active version when `activates` is set (only if `expected` is active), and the tenant's project revision, which makes every
 * admission that was prepared before fail its check and prepare again (I7).
 */
export interface RolloutChange {
  readonly record: RolloutRecord;
  readonly event: RolloutEvent;
  /** Promote (I4, O6). */
  readonly activates?: { readonly versionId: VersionId; readonly expected: VersionId };
}

/** A page of events; `prunedSeq`: those up to it are gone. */
export interface RolloutEventPage {
  readonly events: readonly (RolloutEvent & { readonly seq: number })[];
  readonly nextSeq: number;
}

/** Evidence with the version of its row, for compare-and-set; version 0: there is none yet. */
export interface StoredEvidence {
  readonly version: number;
  readonly evidence?: Evidence;
}

/** A raw observation: one per counted unit and metric. */
export interface Observation {
  readonly seq: number;
  readonly unit: string;
  readonly arm: number;
  readonly epoch: number;
  readonly metric: string;
  readonly value: number | null;
  readonly runId: string;
  /** ms: when the unit was assigned, and when the value was written. */
  readonly assignedAt: number;
  readonly at: number;
}

/** A webhook's place in a tenant's events. */
export interface WebhookCursor {
  readonly seq: number;
  readonly failures: number;
  /** Not tried again before (ms). */
  readonly notBefore: number;
}

/**
 * Rollouts, their units, values, evidence and events. The database itself allows one live rollout per (tenant, agent) (I1, O1); opening a
 * store that lacks that index fails. Records are copied in and out.
 */
export interface RolloutStore {
  /**
   * Inserts a rollout at revision 1 with its event. `conflict`: another one of the agent is live (its record), or the id exists.
   * A draft does not count as live. `stale`: the agent's active version is not `record.stableVersionId`.
   */
  insert(
    change: RolloutChange,
  ): Promise<
    { readonly status: 'inserted' } | { readonly status: 'conflict' | 'stale'; readonly current?: RolloutRecord }
  >;
  /** `conflict` with the record as it is: another revision, terminal, or activating a draft while another rollout is live. `stale`: see `activates`. */
  update(
    change: RolloutChange,
  ): Promise<
    { readonly status: 'updated' } | { readonly status: 'conflict' | 'stale'; readonly current?: RolloutRecord }
  >;
  find(tenant: TenantId, id: RolloutId): Promise<RolloutRecord | undefined>;
  /** Active and paused ones of a tenant, by id; with `agentId` that of one agent, which is one at most (I1). */
  listLive(tenant: TenantId, agentId?: string): Promise<readonly RolloutRecord[]>;
  /** Of all tenants: live ones, drafts with a replay gate, and those with `policyPending`: what an evaluator tends. */
  listTended(): Promise<readonly RolloutRecord[]>;
  /** Newest first; `page` from 0; `perPage` 0: all of them. */
  list(
    tenant: TenantId,
    agentId: string | undefined,
    page: number,
    perPage: number,
  ): Promise<{ readonly rollouts: readonly RolloutRecord[]; readonly total: number }>;
  /** Versions of an agent whose last ended rollout as a candidate was rolled back, with when (ms). */
  rolledBack(
    tenant: TenantId,
    agentId: string,
  ): Promise<readonly { readonly versionId: VersionId; readonly at: number; readonly rolloutId: RolloutId }[]>;

  setFreeze(tenant: TenantId, agentId: string, freeze: AgentFreeze | undefined): Promise<void>;
  listFreezes(tenant: TenantId): Promise<readonly AgentFreeze[]>;

  /** In order of `seq`, with their values. */
  readUnits(tenant: TenantId, id: RolloutId, afterSeq: number, limit: number): Promise<readonly RolloutUnit[]>;
  /** Units of a root run in any rollout. */
  unitsOfRun(tenant: TenantId, runId: string): Promise<readonly (RolloutUnit & { readonly rolloutId: RolloutId })[]>;
  /** `void` frees the unit. Only an open unit changes. */
  endUnits(
    tenant: TenantId,
    ends: readonly {
      readonly rolloutId: RolloutId;
      readonly seq: number;
      readonly state: 'ended' | 'void';
      readonly at: number;
    }[],
  ): Promise<void>;
  /** Each (rollout, metric, unit) is written once: a second value changes nothing. Answers how many were new. */
  recordValues(tenant: TenantId, values: readonly RolloutValue[]): Promise<number>;
  readTallies(tenant: TenantId, id: RolloutId): Promise<{ readonly [kind in TallyKind]?: number }>;
  listObservations(
    tenant: TenantId,
    id: RolloutId,
    metric: string | undefined,
    limit: number,
    cursor?: string,
  ): Promise<Page<Observation>>;

  loadEvidence(tenant: TenantId, id: RolloutId): Promise<StoredEvidence>;
  /** Compare-and-set on the version; true when it was written. */
  saveEvidence(tenant: TenantId, id: RolloutId, expectedVersion: number, evidence: Evidence): Promise<boolean>;

  readEvents(tenant: TenantId, afterSeq: number, limit: number, rolloutId?: RolloutId): Promise<RolloutEventPage>;
  /** Tenants that have events. */
  eventTenants(): Promise<readonly TenantId[]>;
  loadCursor(tenant: TenantId, webhook: string): Promise<WebhookCursor>;
  saveCursor(tenant: TenantId, webhook: string, cursor: WebhookCursor): Promise<void>;

  /** Once per (run, agent, scorer, step): a second one changes nothing and answers false. */
  recordScore(tenant: TenantId, score: Score): Promise<boolean>;
  listScores(tenant: TenantId, runId: string): Promise<readonly Score[]>;

  /** Opaque documents of replays, by id, with compare-and-set on `version` (0: insert). */
  saveReplay(
    tenant: TenantId,
    replay: {
      readonly id: string;
      readonly agentId: string;
      readonly version: number;
      readonly body: string;
      readonly open: boolean;
      readonly at: number;
    },
  ): Promise<boolean>;
  findReplay(tenant: TenantId, id: string): Promise<{ readonly version: number; readonly body: string } | undefined>;
  listReplays(filter: {
    readonly tenant?: TenantId;
    readonly agentId?: string;
    readonly open?: boolean;
    readonly limit: number;
  }): Promise<
    readonly { readonly tenant: TenantId; readonly id: string; readonly version: number; readonly body: string }[]
  >;
}

/** Conditions and formulas in CEL: no side effects, bounded. */
export interface Expressions {
  /**
   * Throws `invalid_argument` for what does not parse, names an unknown variable or can never give what it is to give (`condition`: true or false;
   * `score`: a number too); the message says where in the text. Variables: names that the text may use.
   */
  compile(text: string, variables: readonly string[], gives?: 'condition' | 'score'): Expression;
}

/** A compiled text. */
export interface Expression {
  /** Throws `invalid_argument` when it cannot be evaluated over these values. */
  evaluate(values: { readonly [variable: string]: unknown }): unknown;
}
