import type { AgentContent, JsonObject, ModelContent, PartKind, SkillContent, SoulContent } from '@skein/domain';

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
  readonly tools: JsonObject;
  readonly memory: MemoryContent;
}

/** Kinds in the order in which a manifest lists them. */
export const partKinds: readonly PartKind[] = ['agent', 'model', 'soul', 'skill', 'tools', 'memory'];

/** How a part is called in messages: `skill deploy`. */
export const partLabel = (part: { readonly kind: PartKind; readonly name: string }): string =>
  `${part.kind} ${part.name}`;
