import type {
  AgentContent,
  Digest,
  ModelContent,
  PartKind,
  SkillContent,
  SoulContent,
  ToolsContent,
  VersionId,
} from '@skein/domain';

/** Notes of one memory scope as a run sees them. `scope` is `global`, `dag/NAME` or `agent/ID`. */
export interface MemoryContent {
  readonly scope: string;
  readonly revision: number;
  readonly text: string;
}

/** What the parts of each kind hold. */
export interface PartContents {
  readonly agent: AgentContent;
  readonly model: ModelContent;
  readonly soul: SoulContent;
  readonly skill: SkillContent;
  readonly tools: ToolsContent;
  readonly memory: MemoryContent;
}

/** Kinds in the order in which a manifest lists them. */
export const partKinds: readonly PartKind[] = ['agent', 'model', 'soul', 'skill', 'tools', 'memory'];

/** The name of every tools part: it has none of its own. */
export const toolsPartName = 'tools';

/** How a part is called in messages: `skill deploy`. */
export const partLabel = (part: { readonly kind: PartKind; readonly name: string }): string =>
  `${part.kind} ${part.name}`;

/** An agent's version id is the digest of its part. */
export const partOfVersion = (versionId: VersionId): Digest => versionId as string;

/** The name under which a manifest lists a part with this content. */
export const nameOfPart = (kind: PartKind, content: PartContents[PartKind], digest: Digest): string => {
  switch (kind) {
    case 'agent':
      return `${(content as AgentContent).agentId}@${digest}`;
    case 'model':
      return (content as ModelContent).id;
    case 'soul':
      return (content as SoulContent).id;
    case 'skill':
      return (content as SkillContent).name;
    case 'memory':
      return (content as MemoryContent).scope;
    case 'tools':
      return toolsPartName;
  }
};
