import type { JsonObject, JsonValue } from '@skein/domain';
import { selectValues, textOf } from './select-values.ts';

interface Section {
  readonly key: string;
  readonly title: string;
}

/**
 * Markdown: items grouped by the field `group_by` under the headings of `sections` (their order is the ranking of the groups),
 * one `line` each. Within a group, items are ranked by the number in `rank_by`, highest first, else stay in their order.
 * A group without a section comes last under `other`. Every item appears exactly once.
 */
export const summariseItems = (items: readonly JsonValue[], settings: JsonObject): string => {
  const sections = readSections(settings['sections']);
  const groupBy = settings['group_by'];
  const groups = new Map<string, JsonValue[]>();
  for (const item of items) {
    const key = typeof groupBy === 'string' ? field(item, groupBy) : '';
    const known = sections.some((section) => section.key === key) ? key : '';
    groups.set(known, [...(groups.get(known) ?? []), item]);
  }
  const blocks = [...sections, { key: '', title: groupBy === undefined ? '' : textOf(settings['other'] ?? 'Other') }]
    .map(({ key, title }) => renderGroup(title, groups.get(key) ?? [], settings))
    .filter((block) => block !== '');
  const title = textOf(settings['title']);
  return [...(title === '' ? [] : [`# ${title}`]), ...blocks].join('\n\n');
};

const renderGroup = (title: string, items: readonly JsonValue[], settings: JsonObject): string => {
  if (items.length === 0) return '';
  const line = typeof settings['line'] === 'string' ? settings['line'] : '- {}';
  const rankBy = settings['rank_by'];
  const ranked =
    typeof rankBy === 'string' ? items.toSorted((a, b) => number(field(b, rankBy)) - number(field(a, rankBy))) : items;
  const lines = ranked.map((item) => renderLine(line, item));
  return [...(title === '' ? [] : [`## ${title}`, '']), ...lines].join('\n');
};

const renderLine = (line: string, item: JsonValue): string =>
  line.replace(/\{([\w.]*)\}/g, (_, path: string) => field(item, path).replace(/\s+/g, ' ').trim());

const field = (item: JsonValue, path: string): string =>
  path === '' ? textOf(item) : selectValues(item, path).map(textOf).join(', ');

const number = (text: string): number => (Number.isFinite(Number(text)) ? Number(text) : 0);

const readSections = (value: JsonValue | undefined): readonly Section[] => {
  if (!Array.isArray(value)) return [];
  return value.map((entry) =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? { key: textOf(entry['key']), title: textOf(entry['title'] ?? entry['key']) }
      : { key: textOf(entry), title: textOf(entry) },
  );
};
