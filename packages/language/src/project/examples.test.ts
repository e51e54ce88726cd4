import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProjectFile } from '@skein/ports';
import { createNodeHasher } from '@skein/testkit';
import { expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { createProjectReader } from './create-project-reader.ts';

const examples = fileURLToPath(new URL('../../../../examples', import.meta.url));

const filesBelow = (folder: string): readonly ProjectFile[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => ({ path, stats: statSync(join(folder, path)) }))
    .filter(({ stats }) => stats.isFile())
    .map(({ path, stats }) => ({ path, mode: stats.mode, bytes: readFileSync(join(folder, path)) }));

const projects = readdirSync(examples).filter((name) => statSync(join(examples, name)).isDirectory());

test('there are examples', () => {
  expect(projects.length).toBeGreaterThan(0);
});

test.each(projects)('the example %s is a valid project without warnings', (name) => {
  const reader = createProjectReader({ hasher: createNodeHasher() });
  const read = reader.read(filesBelow(join(examples, name)), { provider: 'offline', model: 'rules-1' });
  expect(read.ok ? '' : renderProblems(read.error)).toBe('');
  expect(read.ok ? renderProblems(read.value.warnings) : '').toBe('');
});
