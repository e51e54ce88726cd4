import type {
  AgentContent,
  AgentSettings,
  Dag,
  Digest,
  ModelProvider,
  Problem,
  Result,
  VersionId,
} from '@skein/domain';
import type { StoredPart } from './project-store.ts';

/** One file of a project tree; `path` is relative, with `/`. */
export interface ProjectFile {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** What `provider: auto` becomes; found in the environment of whoever applies. */
export interface AutoModel {
  readonly provider: ModelProvider;
  readonly model: string;
  readonly baseUrl?: string;
  readonly secretName?: string;
}

/** A whole valid project, as values. */
export interface ReadProject {
  readonly dags: readonly {
    readonly name: string;
    readonly digest: Digest;
    readonly dag: Dag;
    readonly source: string;
  }[];
  /** Inline sub-DAGs of all files, by digest. */
  readonly subDags: readonly { readonly name: string; readonly digest: Digest; readonly dag: Dag }[];
  readonly parts: readonly StoredPart[];
  readonly agents: readonly { readonly versionId: VersionId; readonly content: AgentContent }[];
  readonly memory: readonly { readonly scope: string; readonly text: string }[];
  /** What is said of each agent beside its version. */
  readonly settings?: readonly AgentSettings[];
  /** Agents that judge and are not in the project: each must be in the store, else `problem` is one. */
  readonly judges?: readonly { readonly agentId: string; readonly problem: Problem }[];
  /** Things that are legal but probably not meant. */
  readonly warnings: readonly Problem[];
}

/** Files to values. Pure: no file system, no network; all problems of all files come at once. */
export interface ProjectReader {
  read(files: readonly ProjectFile[], autoModel: AutoModel): Result<ReadProject, readonly Problem[]>;
}
