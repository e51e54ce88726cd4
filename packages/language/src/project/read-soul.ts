import type { SoulContent } from '@skein/domain';
import { mapOf } from '../shape/collections.ts';
import { json } from '../shape/scalars.ts';
import { type FrontMatter, readFrontMatter } from './front-matter.ts';

/** A soul file: front matter with name and description, then the text. */
export const readSoul = (
  id: string,
  file: string,
  text: string,
): { readonly soul?: SoulContent; readonly matter: FrontMatter } => {
  const matter = readFrontMatter(file, text, true);
  const { header, source, body } = matter;
  if (header === undefined) return { matter };
  const fields = Object.fromEntries(mapOf(json, 'a map with name and description').read(header, source) ?? []);
  const { name = id, description = '' } = fields;
  if (typeof name !== 'string' || typeof description !== 'string') {
    source.report(header, { message: 'name and description must be text', expected: 'name: text, description: text' });
    return { matter };
  }
  if (body.trim() === '')
    source.report(header, { message: 'the soul is empty', expected: 'a text after the front matter' });
  return { soul: { id, name, description, content: body }, matter };
};
