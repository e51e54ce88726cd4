import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import { createProjectReader } from '@skein/language';
import { createHasher } from '@skein/telemetry';
import { expect, test } from 'vitest';
import { blocksOf, type Page, pageAt, readPages, root } from './pages.ts';

/** Files that the shell blocks of a page write with `cat > FILE <<'END'`, without the folder of the project. */
const filesOf = (page: Page): ReadonlyMap<string, string> => {
  const files = new Map<string, string>();
  for (const { language, text } of blocksOf(page)) {
    if (language !== 'sh') continue;
    for (const [, file = '', , content = ''] of text.matchAll(/cat > (\S+) <<'(\w+)'\n([\s\S]*?)^\2$/gm)) {
      files.set(file.replace(/^my-project\//, ''), content);
    }
  }
  return files;
};

const written = readPages()
  .filter(({ path }) => path === 'README.md' || path.startsWith('docs/'))
  .map((page) => [page.path, filesOf(page)] as const)
  .filter(([, files]) => files.size > 0);

test('pages write projects', () => {
  expect(written.map(([path]) => path)).toEqual(expect.arrayContaining(['README.md', 'docs/getting-started.md']));
});

test.each(written)('the project that %s writes has no problem', (_path, files) => {
  const project = [...files].map(([path, text]) => ({ path, mode: 0o644, bytes: new TextEncoder().encode(text) }));
  if (![...files.keys()].some((path) => path.startsWith('dags/'))) {
    project.push({ path: 'dags/any.yaml', mode: 0o644, bytes: new TextEncoder().encode('steps: [echo]') });
  }
  const read = createProjectReader({ hasher: createHasher() }).read(project, {
    provider: 'offline',
    model: 'offline/rules-1',
  });
  if (!read.ok) throw new DomainError('invalid_argument', JSON.stringify(read.error));
  expect(read.value.warnings).toEqual([]);
});

test('the agent that README.md shows is valid in the example that it names', () => {
  const shown = blocksOf(pageAt('README.md')).find(({ text }) => text.startsWith('# agents/triager/agent.yaml\n'));
  const folder = join(root, 'examples/support-triage');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => ({
      path,
      mode: 0o644,
      bytes:
        path === 'agents/triager/agent.yaml'
          ? new TextEncoder().encode(shown?.text ?? '')
          : readFileSync(join(folder, path)),
    }));
  const read = createProjectReader({ hasher: createHasher() }).read(files, { provider: 'offline', model: 'rules-1' });
  expect(read.ok ? read.value.warnings : read.error).toEqual([]);
});
