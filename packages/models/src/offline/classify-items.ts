import type { JsonObject, JsonValue } from '@skein/domain';
import { selectValues, textOf } from './select-values.ts';

interface Label {
  readonly label: string;
  readonly patterns: readonly RegExp[];
  /** Keywords that decide before all others, in whichever field they stand. */
  readonly anywhere: readonly RegExp[];
}

/**
 * Labels each item. `text` names the fields to look at, in order; the first field in which a keyword of any label begins a word
 * decides, and within a field the first label of the list or, with `"first": "word"`, the keyword that stands first.
 * A label's `anywhere` goes before all of that. `fields` says what each answer holds.
 */
export const classifyItems = (items: readonly JsonValue[], settings: JsonObject): JsonObject[] => {
  const labels = readLabels(settings['labels']);
  const paths = readNames(settings['text']);
  const fallback = textOf(settings['default'] ?? labels.at(-1)?.label ?? 'other');
  const fields = Object.entries((settings['fields'] ?? { item: { from: '' }, label: { label: true } }) as JsonObject);
  return items.map((item) => {
    const texts =
      paths.length === 0 ? [textOf(item)] : paths.map((path) => selectValues(item, path).map(textOf).join('\n'));
    const label = labelOf(texts, labels, settings['first'] === 'word') ?? fallback;
    return Object.fromEntries(fields.map(([name, rule]) => [name, fieldValue(item, rule, label)]));
  });
};

const labelOf = (texts: readonly string[], labels: readonly Label[], byPlace: boolean): string | undefined => {
  const sure = labels.find(({ anywhere }) => anywhere.some((keyword) => texts.some((text) => keyword.test(text))));
  if (sure !== undefined) return sure.label;
  for (const text of texts) {
    const found = byPlace
      ? earliest(text, labels)
      : labels.find(({ patterns }) => patterns.some((pattern) => pattern.test(text)));
    if (found !== undefined) return found.label;
  }
  return undefined;
};

/** The label whose keyword stands first; of several at one place, the first of the list. */
const earliest = (text: string, labels: readonly Label[]): Label | undefined => {
  let best: { readonly label: Label; readonly at: number } | undefined;
  for (const label of labels) {
    for (const pattern of label.patterns) {
      const at = text.search(pattern);
      if (at >= 0 && at < (best?.at ?? Number.POSITIVE_INFINITY)) best = { label, at };
    }
  }
  return best?.label;
};

const fieldValue = (item: JsonValue, rule: JsonValue, label: string): JsonValue => {
  const spec: JsonObject =
    typeof rule === 'string'
      ? { from: rule }
      : typeof rule === 'object' && rule !== null && !Array.isArray(rule)
        ? rule
        : {};
  if (spec['label'] === true) return label;
  if (typeof spec['headline'] === 'string') return headline(selectValues(item, spec['headline']).map(textOf), spec);
  if (typeof spec['from'] === 'string') return selectValues(item, spec['from'])[0] ?? null;
  return spec['value'] ?? null;
};

/**
 * The first line with words, on one line, without the prefix `strip`, with a capital letter if `capital`, at most `max` characters;
 * `empty` when there is none.
 */
const headline = (texts: readonly string[], spec: JsonObject): string => {
  const line =
    texts
      .join('\n')
      .split(/[\r\n\u2028\u2029]/)
      .find((each) => each.trim() !== '') ?? '';
  const clean = line.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  const strip = typeof spec['strip'] === 'string' ? toPattern(spec['strip']) : undefined;
  const stripped = strip === undefined ? clean : clean.replace(strip, '').trim();
  const whole = stripped === '' ? clean : stripped;
  const text = spec['capital'] === true ? whole.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase()) : whole;
  if (text === '') return textOf(spec['empty'] ?? '(empty)');
  const max = typeof spec['max'] === 'number' ? Math.max(1, spec['max']) : 100;
  const characters = Array.from(text);
  return characters.length <= max
    ? text
    : `${characters
        .slice(0, max - 1)
        .join('')
        .trimEnd()}…`;
};

const toPattern = (source: string): RegExp | undefined => {
  try {
    return new RegExp(source, 'i');
  } catch {
    return undefined;
  }
};

/** `[{ "label": …, "keywords": […], "anywhere": […] }]` or `{ "label": [keywords] }`. A label's own name is a keyword when none are given. */
const readLabels = (value: JsonValue | undefined): readonly Label[] => {
  if (!Array.isArray(value)) {
    return Object.entries((value ?? {}) as JsonObject).map(([label, keywords]) => toLabel(label, keywords));
  }
  return value.map((entry) =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? toLabel(textOf(entry['label']), entry['keywords'], entry['anywhere'])
      : toLabel(textOf(entry)),
  );
};

const toLabel = (label: string, keywords?: JsonValue, anywhere?: JsonValue): Label => ({
  label,
  patterns: (keywords === undefined ? [label] : readNames(keywords)).map(keywordPattern),
  anywhere: readNames(anywhere).map(keywordPattern),
});

/** A keyword begins a word; one that begins with a sign may stand behind a letter, as `!:` does in `feat!: …`. */
const keywordPattern = (keyword: string): RegExp => {
  const start = /^[\p{L}\p{N}]/u.test(keyword) ? '(?<![\\p{L}\\p{N}])' : '';
  return new RegExp(`${start}${keyword.replace(/[.*+?^$()[\]{}|\\/]/g, '\\$&')}`, 'iu');
};

const readNames = (value: JsonValue | undefined): readonly string[] => {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
};
