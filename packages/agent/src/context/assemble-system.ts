import type { AgentContent, SkillContent, SoulContent } from '@skein/domain';
import { type QuotedMemory, quoteMemory } from './quote-memory.ts';

/** What the system text of an agent step is made of. */
export interface SystemSources {
  readonly agent: AgentContent;
  readonly soul?: SoulContent;
  readonly skills: readonly SkillContent[];
  readonly memory: readonly QuotedMemory[];
  /** True when the agent is offered the `remember` tool. */
  readonly mayPropose: boolean;
  readonly environment: readonly (readonly [name: string, value: string])[];
  /** True when the answer is to be given through the `output` tool. */
  readonly answersByTool: boolean;
}

/**
 * The system text: soul, instructions, skills (name and description only), memory, environment, how to answer.
 * The order is stable and what differs between runs comes last, so that a provider's prompt cache hits.
 */
export const assembleSystem = (sources: SystemSources): string =>
  [
    soulSection(sources.soul),
    instructionsSection(sources.agent),
    skillsSection(sources.skills),
    quoteMemory(sources.memory, sources.mayPropose),
    environmentSection(sources.environment),
    answerSection(sources.answersByTool),
  ]
    .filter((section) => section !== '')
    .join('\n\n');

const soulSection = (soul: SoulContent | undefined): string =>
  soul === undefined || soul.content.trim() === '' ? '' : `# Soul: ${soul.name}\n\n${soul.content.trim()}`;

const instructionsSection = (agent: AgentContent): string =>
  agent.instructions.trim() === '' ? '' : `# Instructions\n\n${agent.instructions.trim()}`;

const skillsSection = (skills: readonly SkillContent[]): string => {
  if (skills.length === 0) return '';
  return [
    '# Skills',
    '',
    'Load a skill with the `load_skill` tool before you do what it is for; its text tells you how.',
    '',
    ...skills.map((skill) => `- ${skill.name}: ${skill.description.replace(/[\s\p{Cc}]+/gu, ' ').trim()}`),
  ].join('\n');
};

const environmentSection = (facts: SystemSources['environment']): string =>
  ['# Environment', '', ...facts.map(([name, value]) => `- ${name}: ${value}`)].join('\n');

const answerSection = (answersByTool: boolean): string =>
  answersByTool
    ? '# Answer\n\nGive your answer by calling the `output` tool once, with an object that matches its schema. Text alone is not an answer.'
    : '# Answer\n\nYour last message, the one without a tool call, is your answer.';
