import { DomainError } from '@skein/domain';
import { createProjectReader } from '@skein/language';
import { createHasher } from '@skein/telemetry';
import { expect, test } from 'vitest';
import { blocksOf, type Page, readPages } from './pages.ts';

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
