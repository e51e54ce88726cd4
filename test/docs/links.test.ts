import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { expect, test } from 'vitest';
import { anchorsOf, inlineCodeOf, type Page, pageAt, proseOf, readPages, root } from './pages.ts';

const pages = readPages();

const linksOf = (page: Page): readonly string[] =>
  [
    ...proseOf(page)
      .replace(/(`+).+?\1/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target));

test('anchors are made as GitHub makes them', () => {
  const text = '# A `b` & C?\n## What is `x.y`\n```sh\n# no heading\n```\n## What is `x.y`\n';
  expect([...anchorsOf({ path: 'x.md', text })]).toEqual(['a-b--c', 'what-is-xy', 'what-is-xy-1']);
});

test('every relative link of every page leads to a file, and every anchor to a heading', () => {
  const dead = pages.flatMap((page) =>
    linksOf(page).flatMap((link) => {
      const [target = '', anchor] = link.split('#');
      const path = target === '' ? page.path : posix.join(posix.dirname(page.path), target);
      if (!existsSync(join(root, path))) return [`${page.path}: ${link}`];
      if (anchor === undefined || anchorsOf(pageAt(path)).has(anchor)) return [];
      return [`${page.path}: ${link}`];
    }),
  );
  expect(dead).toEqual([]);
});

test('there are links to check', () => {
  expect(pages.flatMap(linksOf).length).toBeGreaterThan(30);
});

test('every path in backticks that begins in a folder of the repository exists', () => {
  const ours = /^(apps|bench|docs|examples|packages|proto|scripts|test)\/[\w./-]+$/;
  const dead = pages.flatMap((page) =>
    inlineCodeOf(page)
      .filter((code) => ours.test(code) && /^(docs|examples|README|AGENTS|ARCHITECTURE|CONTRIBUTING)/.test(page.path))
      .filter((code) => !existsSync(join(root, code)))
      .map((code) => `${page.path}: ${code}`),
  );
  expect(dead).toEqual([]);
});

test('every page of docs/ is linked from another page', () => {
  const linked = new Set(
    pages.flatMap((page) => linksOf(page).map((link) => posix.join(dirname(page.path), link.split('#')[0] ?? ''))),
  );
  const lonely = pages.filter(({ path }) => path.startsWith('docs/') && !linked.has(path)).map(({ path }) => path);
  expect(lonely).toEqual([]);
});

test('AGENTS.md stays short', () => {
  expect(readFileSync(join(root, 'AGENTS.md'), 'utf8').split('\n').length).toBeLessThanOrEqual(120);
});
