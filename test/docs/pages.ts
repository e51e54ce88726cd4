import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A Markdown file; `path` is relative to the repository, with forward slashes. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

const skipped = new Set(['node_modules', 'dist', 'tmp', 'coverage']);

/** Every Markdown file of the repository. Projects that somebody tries out in the clone are not ours. */
export const readPages = (): readonly Page[] =>
  ['apps', 'bench', 'docs', 'examples', 'packages', 'proto', 'scripts', 'test']
    .flatMap((folder) => walk(join(root, folder)))
    .concat(
      readdirSync(root)
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(root, name)),
    )
    .map((file) => ({ path: relative(root, file).split(sep).join('/'), text: readFileSync(file, 'utf8') }));

const walk = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory())
      return skipped.has(entry.name) || entry.name.startsWith('.') ? [] : walk(join(folder, entry.name));
    return entry.name.endsWith('.md') ? [join(folder, entry.name)] : [];
  });

const fence = /^( *)(`{3,})([^\n`]*)\n([\s\S]*?)^\1\2[ \t]*$/gm;

/** The fenced blocks of a page; a longer fence may hold shorter ones, which are its text. */
export const blocksOf = ({ text }: Page): readonly Block[] =>
  [...text.matchAll(fence)].map((match) => ({ language: (match[3] ?? '').trim(), text: match[4] ?? '' }));

/** The page without its fenced blocks. */
export const proseOf = ({ text }: Page): string => text.replace(fence, '');

/** Texts in backticks, outside of fenced blocks. */
export const inlineCodeOf = (page: Page): readonly string[] =>
  [...proseOf(page).matchAll(/(`+)(.+?)\1(?!`)/g)].map((match) => (match[2] ?? '').trim().replaceAll('\\|', '|'));

/** Anchors of the headings, made as GitHub makes them. */
export const anchorsOf = (page: Page): ReadonlySet<string> => {
  const anchors = new Set<string>();
  for (const [, title = ''] of proseOf(page).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const slug = title
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    for (let n = 0; ; n += 1) {
      const anchor = n === 0 ? slug : `${slug}-${n}`;
      if (anchors.has(anchor)) continue;
      anchors.add(anchor);
      break;
    }
  }
  return anchors;
};

/** Rows of the table below the heading, as cells without the backticks of a cell that is all code. */
export const tableAfter = (page: Page, heading: string): readonly (readonly string[])[] => {
  const lines = page.text.split('\n');
  const start = lines.findIndex((line) => line === heading);
  const first = lines.findIndex((line, index) => index > start && line.startsWith('|'));
  if (start < 0 || first < 0) throw new Error(`${page.path} has no table after ${heading}`);
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  return lines.slice(first + 2, length < 0 ? undefined : first + length).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replace(/^`([^`]+)`$/, '$1')),
  );
};

/** The page of this path. Throws when there is none. */
export const pageAt = (path: string): Page => ({ path, text: readFileSync(join(root, path), 'utf8') });
