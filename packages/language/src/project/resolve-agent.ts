import { type AgentContent, type ModelContent, type SkillContent, type SoulContent, suggest } from '@skein/domain';
import type { AutoModel } from '@skein/ports';
import { type SourceText, topOfFile } from '../problem/source-text.ts';
import type { PartBook } from './part-book.ts';
import type { AgentReading, NamedUse } from './read-agent.ts';
import { autoContent } from './read-model.ts';

/** A named thing of a project; `undefined` was there but could not be read, which is reported at its own file. */
export type Named<T> = ReadonlyMap<string, T | undefined>;

/** What agents may refer to. */
export interface ProjectParts {
  readonly models: Named<ModelContent>;
  readonly souls: Named<SoulContent>;
  readonly skills: Named<SkillContent>;
  readonly defaultModel: string | undefined;
  readonly auto: AutoModel;
}

/** The closed content of an agent without its sub-agents; each name that it gives and that does not exist is reported where it is given. */
export const resolveAgent = (
  reading: AgentReading,
  instructions: string,
  parts: ProjectParts,
  book: PartBook,
): Omit<AgentContent, 'subAgents'> | undefined => {
  const { agentId, source } = reading;
  const model = modelOf(reading, parts);
  const soul = reading.soul === undefined ? undefined : find(reading.soul, 'soul', parts.souls, agentId, source);
  const skills = reading.skills.map((use) => find(use, 'skill', parts.skills, agentId, source));
  if (source.problems.length > 0 || model === undefined) return undefined;
  if (reading.soul !== undefined && soul === undefined) return undefined;
  const known = skills.filter((skill) => skill !== undefined);
  if (known.length < skills.length) return undefined;
  return {
    ...reading.content,
    instructions,
    tools: book.add('tools', 'tools', reading.tools, source.file),
    model: book.add('model', model.id, model, source.file),
    ...(soul === undefined ? {} : { soul: book.add('soul', soul.id, soul, `souls/${soul.id}/SOUL.md`) }),
    skills: Object.fromEntries(
      known.map((skill) => [skill.name, book.add('skill', skill.name, skill, `skills/${skill.name}/SKILL.md`)]),
    ),
  };
};

/** Its own model, else the project's default, else models/default.yaml, else whatever `auto` means. */
const modelOf = ({ model, agentId, source }: AgentReading, parts: ProjectParts): ModelContent | undefined => {
  if (model !== undefined && 'inline' in model) return model.inline;
  if (model !== undefined) {
    const { name } = model.use;
    if (name === 'auto' && !parts.models.has('auto')) return autoContent('auto', parts.auto);
    return find(model.use, 'model', parts.models, agentId, source);
  }
  const fallback = parts.defaultModel ?? (parts.models.has('default') ? 'default' : 'auto');
  if (fallback === 'auto' && !parts.models.has('auto')) return autoContent('auto', parts.auto);
  return parts.models.get(fallback);
};

const find = <T>(
  use: NamedUse,
  kind: 'model' | 'soul' | 'skill',
  known: Named<T>,
  agentId: string,
  source: SourceText,
): T | undefined => {
  if (known.has(use.name)) return known.get(use.name);
  const near = suggest(use.name, known.keys());
  source.report(use.spot ?? topOfFile, {
    message: `agent ${agentId} asks for ${kind} ${use.name}, which does not exist`,
    expected: fileOf[kind](use.name),
    ...(near === undefined ? {} : { suggestion: near }),
  });
  return undefined;
};

const fileOf = {
  model: (id: string) => `models/${id}.yaml`,
  soul: (id: string) => `souls/${id}/SOUL.md`,
  skill: (id: string) => `skills/${id}/SKILL.md`,
} as const;
