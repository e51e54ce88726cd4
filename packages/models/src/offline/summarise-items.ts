import type { JsonObject, JsonValue } from '@skein/domain';
import { rankTexts } from './rank-sentences.ts';
import { selectValues, textOf } from './select-values.ts';

interface Section {
  readonly key: string;
  readonly title: string;
}

/**
 * Markdown: items grouped by the field `group_by` under the headings of `sections` (their order is the ranking of the groups),
 * one `line` each. Within a group, items are ranked by the number in `rank_by`, highest first, else stay in their order.
 * A group without a section comes last under `other`. Every item appears exactly once in a line; `highlights` names some of them
 * in a paragraph before. `title`, `intro` and `outro` stand around it; each may hold `{path}` of the prompt's data.
 */
export const summariseItems = (items: readonly JsonValue[], settings: JsonObject, data: JsonObject = {}): string => {
  const groups = groupItems(items, settings);
  const title = fill(settings['title'], data);
  return [
    ...(title === '' ? [] : [`# ${title}`]),
    fill(settings['intro'], data),
    highlightsOf(groups, settings['highlights']),
    ...groups.map((group) => renderGroup(group, settings)),
    fill(settings['outro'], data),
  ]
    .filter((block) => block !== '')
    .join('\n\n');
};

interface Group extends Section {
  readonly items: readonly JsonValue[];
}

const groupItems = (items: readonly JsonValue[], settings: JsonObject): readonly Group[] => {
  const groupBy = settings['group_by'];
  const other = { key: '', title: groupBy === undefined ? '' : textOf(settings['other'] ?? 'Other') };
  const sections = [...readSections(settings['sections']), other];
  const groups = new Map<string, JsonValue[]>(sections.map(({ key }) => [key, []]));
  for (const item of items) {
    const key = typeof groupBy === 'string' ? field(item, groupBy) : '';
    (groups.get(key) ?? groups.get(''))?.push(item);
  }
  const rankBy = settings['rank_by'];
  const ranked = (group: readonly JsonValue[]) =>
    typeof rankBy === 'string' ? group.toSorted((a, b) => number(field(b, rankBy)) - number(field(a, rankBy))) : group;
  return sections.map((section) => ({ ...section, items: ranked(groups.get(section.key) ?? []) }));
};

const renderGroup = ({ title, items }: Group, settings: JsonObject): string => {
  if (items.length === 0) return '';
  const line = typeof settings['line'] === 'string' ? settings['line'] : '- {}';
  const lines = items.map((item) => fill(line, item));
  return [...(title === '' ? [] : [`## ${title}`, '']), ...lines].join('\n');
};

/** `{ "title", "text": field, "count", "from": [keys] }`: the texts whose words come up most, as one paragraph; none of fewer than `count` + 1. */
const highlightsOf = (groups: readonly Group[], value: JsonValue | undefined): string => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return '';
  const { title, text, count, from } = value;
  const chosen = groups.filter(({ key }) => !Array.isArray(from) || from.includes(key));
  const texts = chosen.flatMap(({ items }) =>
    items.map((item) => field(item, textOf(text)).replace(/\s+/g, ' ').trim()),
  );
  const wanted = typeof count === 'number' ? count : 3;
  if (texts.length <= wanted) return '';
  return `${title === undefined ? '' : `${textOf(title)} `}${rankTexts([...new Set(texts)], wanted).join('; ')}.`;
};

const fill = (template: JsonValue | undefined, root: JsonValue): string =>
  textOf(template).replace(/\{([\w.[\]]*)\}/g, (_, path: string) => field(root, path).replace(/\s+/g, ' ').trim());

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
