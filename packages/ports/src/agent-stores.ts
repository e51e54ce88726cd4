import type {
  AgentContent,
  Digest,
  ModelContent,
  SkillContent,
  SoulContent,
  ToolsContent,
  VersionId,
} from '@skein/domain';

/**
 * The read-only stores that a worker hydrates from a verified snapshot (S1, S6).
 * Every lookup throws `not_found` for what the snapshot does not hold; there is no fallback to local files.
 * Every `write…` throws the one typed error `read_only`.
 */
export interface AgentStores {
  readonly digest: Digest;
  agent(agentId: string, versionId: VersionId): AgentContent;
  model(digest: Digest): ModelContent;
  soul(digest: Digest): SoulContent;
  skill(digest: Digest): SkillContent;
  tools(digest: Digest): ToolsContent;
  /** Scopes in the snapshot: `global`, `dag/NAME`, `agent/ID`. */
  memory(): readonly { readonly scope: string; readonly revision: number; readonly text: string }[];
  writeAgent(agentId: string): never;
  writeModel(id: string): never;
  writeSoul(id: string): never;
  writeSkill(name: string): never;
  writeTools(name: string): never;
  writeMemory(scope: string): never;
}
