import type { JsonObject, JsonValue } from '@skein/domain';

/**
 * `fields` maps a name to `{ "pattern": regular expression }` (its first group, else the whole match) or `{ "after": text }`
 * (the rest of that line); `"type"` converts, `"all": true` gives a list, and what is not found is `null` or `"default"`.
 */
export const extractFields = (text: string, settings: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries((settings['fields'] ?? {}) as JsonObject).map(([name, rule]) => [name, extract(text, rule)]),
  );

const extract = (text: string, rule: JsonValue): JsonValue => {
  const spec: JsonObject =
    typeof rule === 'string'
      ? { pattern: rule }
      : typeof rule === 'object' && rule !== null && !Array.isArray(rule)
        ? rule
        : {};
  const found = matches(text, spec).map((match) => convert(match, spec['type']));
  if (spec['all'] === true) return found;
  return found[0] ?? spec['default'] ?? null;
};

const matches = (text: string, spec: JsonObject): readonly string[] => {
  if (typeof spec['after'] === 'string') {
    const { after } = spec;
    return text.split(/\r?\n/).flatMap((line) => {
      const at = line.toLowerCase().indexOf(after.toLowerCase());
      return at < 0 ? [] : [line.slice(at + after.length).trim()];
    });
  }
  if (typeof spec['pattern'] !== 'string') return [];
  try {
    return [...text.matchAll(new RegExp(spec['pattern'], 'gmu'))].map((match) => match[1] ?? match[0]);
  } catch {
    return [];
  }
};

const convert = (text: string, type: JsonValue | undefined): JsonValue => {
  switch (type) {
    case 'integer':
    case 'number': {
      const value = Number(/-?\d+(?:\.\d+)?/.exec(text)?.[0] ?? Number.NaN);
      if (!Number.isFinite(value)) return null;
      return type === 'integer' ? Math.trunc(value) : value;
    }
    case 'boolean':
      return /^\s*(true|yes|on|1)\b/i.test(text);
    default:
      return text;
  }
};
