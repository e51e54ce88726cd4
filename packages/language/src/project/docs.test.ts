import { readFileSync } from 'node:fs';
import type { ProjectFile } from '@skein/ports';
import { createNodeHasher } from '@skein/testkit';
import { expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { createProjectReader } from './create-project-reader.ts';

const page = readFileSync(new URL('../../../../docs/agents.md', import.meta.url), 'utf8');

/** Blocks of the page that say which file they are. */
const examples = [
  ...page.matchAll(/^```(?:yaml|markdown)\n(?:# file: (\S+)|<!-- file: (\S+) -->)\n([\s\S]*?)^```$/gm),
].map(([, yaml, markdown, text = '']) => [yaml ?? markdown ?? '', text] as const);

test('the files that the page about agents shows make a valid project without warnings', () => {
  expect(examples.map(([path]) => path)).toEqual(['agents/triager/agent.yaml', 'skills/labels/SKILL.md']);
  const rest = [
    ['agents/triager/INSTRUCTIONS.md', 'Sort.'],
    ['agents/researcher/agent.yaml', 'description: Looks things up.'],
    ['agents/researcher/INSTRUCTIONS.md', 'Look.'],
  ] as const;
  const files = [...examples, ...rest].map(
    ([path, text]): ProjectFile => ({ path, mode: 0o644, bytes: new TextEncoder().encode(text) }),
  );
  const read = createProjectReader({ hasher: createNodeHasher() }).read(files, {
    provider: 'offline',
    model: 'rules-1',
  });
  expect(read.ok ? renderProblems(read.value.warnings) : renderProblems(read.error)).toBe('');
});
