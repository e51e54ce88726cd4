import type {
  AgentContent,
  AgentSettings,
  AgentVersion,
  Dag,
  Digest,
  PartKind,
  TenantId,
  VersionId,
} from '@skein/domain';
import type { RolloutChange } from './rollout-store.ts';

/** A DAG as it is stored: by digest, and current under its name. */
export interface StoredDag {
  readonly name: string;
  readonly digest: Digest;
  readonly dag: Dag;
  /** The author's text, for people. */
  readonly source?: string;
}

/** Raw bytes of one part, to be stored under its digest. */
export interface StoredPart {
  readonly kind: PartKind;
  readonly name: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** A memory scope: `global`, `dag/NAME` or `agent/ID`; revisions count from 1. */
export interface MemoryView {
  readonly scope: string;
  readonly revision: number;
  readonly text: string;
}

/** What one `apply` publishes, as one transaction. */
export interface Publication {
  readonly tenant: TenantId;
  readonly dags: readonly StoredDag[];
  readonly parts: readonly StoredPart[];
  readonly agents: readonly { readonly versionId: VersionId; readonly content: AgentContent }[];
  /** Agents whose published version becomes the active one. */
  readonly activate: readonly string[];
  /** Agents whose published version becomes their candidate: named, shown, and routed to by nobody until a rollout says so. */
  readonly candidates: readonly string[];
  /** Inline sub-DAGs: found by digest only, current under no name. */
  readonly subDags: readonly StoredDag[];
  /**
   * Rollouts that end because this publication activates another version of their agent, cancelled in the same transaction. A live rollout of an
   * agent that gets another active version and is not here, at this revision: `version_conflict`, and nothing is published (I6).
   */
  readonly endsRollouts?: readonly RolloutChange[];
  /** What is said of agents beside their versions; the newest word holds. */
  readonly settings?: readonly AgentSettings[];
  /** Seeds: written only where the scope does not exist yet. */
  readonly memory: readonly { readonly scope: string; readonly text: string }[];
  /** ms since the epoch. */
  readonly at: number;
}

/** What a publication did. */
export interface PublicationResult {
  readonly agents: readonly {
    readonly agentId: string;
    readonly versionId: VersionId;
    readonly alias: string;
    readonly created: boolean;
    readonly activated: boolean;
    /** The publication asked for it and it is the candidate now; never the active version. */
    readonly candidate: boolean;
  }[];
  readonly dags: readonly {
    readonly name: string;
    readonly digest: Digest;
    readonly change: 'created' | 'updated' | 'unchanged';
  }[];
  /** Seeds, and whether each was written: a scope that exists keeps its text. */
  readonly memory: readonly { readonly scope: string; readonly seeded: boolean }[];
}

/** One agent in a list. */
export interface AgentSummary {
  readonly agentId: string;
  readonly activeVersionId?: VersionId;
  readonly activeAlias?: string;
  readonly candidateVersionId?: VersionId;
  readonly candidateAlias?: string;
  readonly versions: number;
}

/** DAGs, agent versions, parts and memory. Every key starts with the tenant. */
export interface ProjectStore {
  /** One transaction; equal content makes no new version; an alias is the next free number of its agent. */
  publish(publication: Publication): Promise<PublicationResult>;
  findDag(tenant: TenantId, name: string): Promise<StoredDag | undefined>;
  findDagByDigest(tenant: TenantId, digest: Digest): Promise<StoredDag | undefined>;
  listDags(tenant: TenantId): Promise<readonly StoredDag[]>;
  listAgents(tenant: TenantId): Promise<readonly AgentSummary[]>;
  listVersions(tenant: TenantId, agentId: string): Promise<readonly AgentVersion[]>;
  activeVersion(tenant: TenantId, agentId: string): Promise<AgentVersion | undefined>;
  /** By version id or alias. */
  findVersion(tenant: TenantId, agentId: string, version: string): Promise<AgentVersion | undefined>;
  /**
   * `not_found` for an unknown version. When another version was active, `ends` is the agent's live rollout, cancelled in the same transaction;
   * `version_conflict` when one is live that is not `ends` at its revision (I6).
   */
  activate(tenant: TenantId, agentId: string, versionId: VersionId, ends?: RolloutChange): Promise<void>;
  /** Undefined for an agent of which nothing was said. */
  agentSettings(tenant: TenantId, agentId: string): Promise<AgentSettings | undefined>;
  /** Keeps DAGs that are current under no name, found by digest; raises no revision. Idempotent. */
  keepDags(tenant: TenantId, dags: readonly StoredDag[]): Promise<void>;
  readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined>;
  /** Only the scopes that exist. */
  readMemory(tenant: TenantId, scopes: readonly string[]): Promise<readonly MemoryView[]>;
  /** Rises with each publish, activation and new memory revision; cheap to read, for caches. */
  revision(tenant: TenantId): Promise<number>;
}
