// Which tests show what: read from the names of the tests, which hold a tag and a number, such as `[crash 3]` or `[defect 21]`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const tiers = [
  ['.sim.test.ts', 'sim'],
  ['.e2e.test.ts', 'e2e'],
  ['.slow.test.ts', 'slow'],
  ['.int.test.ts', 'int'],
  ['.test.ts', 'unit'],
];

const testsIn = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'dist' ? [] : testsIn(path);
    return entry.name.endsWith('.test.ts') || /^describe-.*\.ts$/.test(entry.name) ? [path] : [];
  });

/** Number to the files whose tests are named `[TAG N]`, `[TAG.N]` or `[TAG N, M]`, with their tier. */
export const proofsOf = (tag) => {
  const pattern = new RegExp(`\\[${tag}[ .]([\\d, ]+)\\]`, 'g');
  const found = new Map();
  for (const path of ['packages', 'apps', 'test']
    .flatMap((name) => testsIn(join(root, name)))
    .toSorted((a, b) => (a < b ? -1 : 1))) {
    const file = relative(root, path).split(sep).join('/');
    const tier = file.startsWith('test/chaos/')
      ? 'chaos'
      : (tiers.find(([suffix]) => file.endsWith(suffix))?.[1] ?? 'all');
    for (const [, numbers] of readFileSync(path, 'utf8').matchAll(pattern)) {
      for (const number of numbers.split(',').map(Number)) {
        const files = found.get(number) ?? new Map();
        files.set(file, tier);
        found.set(number, files);
      }
    }
  }
  return found;
};

/** The files as a cell of a table; `open` says why there are none. */
export const shownBy = (files, open) => {
  if (files === undefined) return `none: ${open ?? 'not yet'}`;
  return [...files].map(([file, tier]) => `\`${file}\` (${tier})`).join('<br>');
};

/** Puts a table between its two markers in a page. */
export const writeTable = (page, begin, end, table) => {
  const path = join(root, page);
  const text = readFileSync(path, 'utf8');
  const [before] = text.split(begin);
  const [, after] = text.split(end);
  writeFileSync(path, `${before}${begin}\n\n${table}\n\n${end}${after}`);
};
