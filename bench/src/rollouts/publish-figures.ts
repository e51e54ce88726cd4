import { readFileSync, writeFileSync } from 'node:fs';

/** Replaces what a page of docs/ has between two marks, `<!-- NAME: begin -->` and `<!-- NAME: end -->`. Throws when it has none. */
export const publishFigures = (page: string, name: string, text: string): void => {
  const url = new URL(`../../../docs/${page}`, import.meta.url);
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const before = readFileSync(url, 'utf8');
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/${page} has no ${begin} … ${end}`);
  writeFileSync(url, `${before.slice(0, from + begin.length)}\n\n${text}\n\n${before.slice(to)}`);
};
