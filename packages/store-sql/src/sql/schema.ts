import type {
  DeadLetter,
  DeadLetterReason,
  DeliveryEventKind,
  MemoryOperation,
  ProposalStatus,
  RunStatus,
} from '@skein/domain';
import type { TokenRole } from '@skein/ports';
import type { ColumnType, Kysely } from 'kysely';
import type { FleetSchema } from './fleet-schema.ts';
import type { RolloutSchema } from './rollout-schema.ts';

/** Heads of runs: the list rows, and the timers. */
export interface RunHeadTable {
  tenant: string;
  run_id: string;
  dag: string;
  dag_digest: string;
  status: RunStatus;
  seq: number;
  shard: number;
  priority: number;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  snapshot_digest: string | null;
  partial: number;
  retry_of: string | null;
  /** Null for a root, as is the root's id. */
  parent_run_id: string | null;
  root_run_id: string | null;
  due_at: number | null;
  /** Facts up to this number were removed; written once, by the pruning. */
  pruned_seq: ColumnType<number | null, never, number | null>;
}

/** One row per append: `facts` is a JSON array of `count` facts, the first of which has the number `seq`. */
export interface RunLogTable {
  tenant: string;
  run_id: string;
  seq: number;
  count: number;
  facts: string;
  /** Names the append, so that one whose answer was lost is recognised. */
  commit_id: string;
  /** Of the facts and their place; null for rows of an earlier version, which are not checked. */
  checksum: number | null;
}

/** Idempotency keys of submissions. */
export interface RunKeyTable {
  tenant: string;
  key: string;
  run_id: string;
  body_digest: string;
}

/** Fires of schedules. */
export interface RunFireTable {
  tenant: string;
  dag: string;
  schedule_id: string;
  nominal_at: number;
  run_id: string;
}

/** Folded states. */
export interface RunCheckpointTable {
  tenant: string;
  run_id: string;
  seq: number;
  body: Uint8Array;
  /** Of the body and its place; null for rows of an earlier version, which are not checked. */
  checksum: number | null;
}

/** Tasks and messages that were given up. */
export interface DeadLetterTable {
  tenant: string;
  id: string;
  at: number;
  kind: DeadLetter['kind'];
  run_id: string;
  reason: DeadLetterReason;
  status: DeadLetter['status'];
  /** JSON of all that has no column of its own. */
  letter: string;
  settled_at: number | null;
  settled_by: string | null;
  redriven_run_id: string | null;
  /** Names the commit that settled it. */
  commit_id: string | null;
}

/** The delivery stream. Numbers of a tenant rise by one from row to row. */
export interface DeliveryEventTable {
  tenant: string;
  seq: number;
  kind: DeliveryEventKind;
  at: number;
  item_id: string;
  run_id: string;
  step: string;
  reason: string;
  attempts: number | null;
  age_ms: number | null;
  /** Names the write of an event that came without facts, so that one whose answer was lost is not repeated. */
  commit_id: string | null;
}

/** How far the delivery stream of a tenant was removed by retention. */
export interface DeliveryGapTable {
  tenant: string;
  pruned_seq: number;
}

/** Always empty but within a commit. */
export interface WriteProbeTable {
  id: number;
  body: Uint8Array;
}

/** Revision of a tenant's project. */
export interface ProjectTable {
  tenant: string;
  revision: number;
}

/** DAGs by digest. */
export interface DagTable {
  tenant: string;
  digest: string;
  name: string;
  dag: string;
  source: string | null;
}

/** DAGs by name. */
export interface DagCurrentTable {
  tenant: string;
  name: string;
  digest: string;
}

/** Published agent versions. */
export interface AgentVersionTable {
  tenant: string;
  agent_id: string;
  /** `v` + number is the alias. */
  number: number;
  version_id: string;
  content: string;
  published_at: number;
}

/** The active version of each agent. */
export interface AgentActiveTable {
  tenant: string;
  agent_id: string;
  version_id: string;
  /** Names the commit that made it active; null for rows of an earlier version. */
  commit_id: string | null;
}

/** The version of each agent that is tried out next. */
export interface AgentCandidateTable {
  tenant: string;
  agent_id: string;
  version_id: string;
}

/** Memory scopes as they are now. */
export interface MemoryTable {
  tenant: string;
  scope: string;
  revision: number;
  text: string;
  /** Names the commit that wrote the revision. */
  commit_id: string | null;
}

/** Every revision of every scope. */
export interface MemoryHistoryTable {
  tenant: string;
  scope: string;
  revision: number;
  text: string;
  at: number;
  /** JSON of a `MemoryChange`. */
  change: string;
  commit_id: string | null;
}

/** Wishes to change a scope. */
export interface MemoryProposalTable {
  tenant: string;
  proposal_id: string;
  scope: string;
  op: MemoryOperation;
  text: string;
  basis: string | null;
  run_id: string;
  step: string;
  attempt: number;
  agent_id: string;
  version_id: string;
  at: number;
  status: ProposalStatus;
  reason: string | null;
  revision: number | null;
  /** Names the commit that changed the status last. */
  commit_id: string | null;
}

/** Manifests of sealed snapshots. */
export interface SnapshotTable {
  tenant: string;
  digest: string;
  manifest: string;
  /** How many heads of runs that are not terminal name it. */
  refs: number;
  /** Its sealing, or the end of the last run that referred to it. */
  last_used_at: number;
}

/** The parts of each snapshot, each once. */
export interface SnapshotPartTable {
  tenant: string;
  snapshot_digest: string;
  part_digest: string;
  size: number;
}

/** Hashed tokens. */
export interface TokenTable {
  tenant: string;
  token_id: string;
  kind: 'api' | 'join';
  name: string;
  hash: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  /** Null: all that its kind may do. */
  role: TokenRole | null;
  /** JSON: what every worker that joins by it must carry. */
  labels: string | null;
  max_uses: number | null;
  uses: number;
  /** Names the latest use. */
  use_id: string | null;
}

/** Leases of shards. */
export interface ShardHomeTable {
  shard: number;
  owner: string | null;
  epoch: number;
  lease_until: number;
}

/** Hints of the embedded queue. */
export interface QueueHintTable {
  tenant: string;
  run_id: string;
  seq: number;
  shard: number;
  priority: number;
  /** Rises with each hint; the order among equals. */
  position: number;
  claim: string | null;
  /** Monotonic ms of the process that holds the claims; 0 when free. */
  visible_at: number;
}

/** How often the database was opened for writing. */
export interface WriterTable {
  name: 'run_log';
  openings: number;
}

/** All tables. Those of rollouts are in `rollout-schema.ts`, those of a fleet in `fleet-schema.ts`. Instants are ms since the epoch; booleans are 0 and 1. */
export interface Schema extends RolloutSchema, FleetSchema {
  run_head: RunHeadTable;
  run_log: RunLogTable;
  run_key: RunKeyTable;
  run_fire: RunFireTable;
  run_checkpoint: RunCheckpointTable;
  project: ProjectTable;
  dag: DagTable;
  dag_current: DagCurrentTable;
  agent_version: AgentVersionTable;
  agent_active: AgentActiveTable;
  agent_candidate: AgentCandidateTable;
  memory: MemoryTable;
  memory_history: MemoryHistoryTable;
  memory_proposal: MemoryProposalTable;
  snapshot: SnapshotTable;
  snapshot_part: SnapshotPartTable;
  token: TokenTable;
  shard_home: ShardHomeTable;
  queue_hint: QueueHintTable;
  writer: WriterTable;
  dead_letter: DeadLetterTable;
  delivery_event: DeliveryEventTable;
  delivery_gap: DeliveryGapTable;
  write_probe: WriteProbeTable;
}

/** The query builder over our tables. */
export type Queries = Kysely<Schema>;
