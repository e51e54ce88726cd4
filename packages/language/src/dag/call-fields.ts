import { isName, type JsonValue } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { mapOf, oneOrMore } from '../shape/collections.ts';
import { json, quoted, text } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';

/** What a call hands over; strings may hold references. */
export type CallParams = { readonly [name: string]: JsonValue };

const expectedName = 'a letter or digit, then at most 63 of A-Z a-z 0-9 _ . -';

/** The name of a DAG. */
const dagName: Shape<string> = mapped(text('the name of a DAG'), (name, node, source) => {
  if (isName(name)) return name;
  source.report(node, { message: `${quoted(name)} is not the name of a DAG`, expected: expectedName });
  return undefined;
});

/** Names that a call may choose from. */
export const choicesShape: Shape<readonly string[]> = mapped(
  oneOrMore(dagName, 'a list of names of DAGs'),
  (names, node, source) => {
    const twin = names.find((name, index) => names.indexOf(name) !== index);
    if (twin !== undefined) source.report(node, { message: `${twin} is given twice`, expected: 'each name once' });
    return [...new Set(names)];
  },
);

type Pair = readonly [string, JsonValue];

const collect = (pairs: readonly Pair[], node: YamlNode, source: SourceText): CallParams => {
  const params = new Map<string, JsonValue>();
  for (const [name, value] of pairs) {
    if (!isName(name) || Object.hasOwn(inherited, name)) {
      source.report(node, { message: `${quoted(name)} is not a parameter name`, expected: expectedName });
    } else if (params.has(name)) {
      source.report(node, { message: `${name} is given twice`, expected: 'each parameter once' });
    } else params.set(name, value);
  }
  return Object.fromEntries(params);
};

/** `NAME=value` words cannot be refused by YAML as keys of a map are. */
const inherited = { constructor: true, prototype: true };

const expected = 'a map of values, or NAME=value words';

/** `A=1 B="two words"`, as in Dagu. */
const wordsShape: Shape<CallParams> = mapped(text(expected), (line, node, source) => {
  const words = line.match(/[^\s="']+=(?:"[^"]*"|'[^']*'|\S*)|\S+/g) ?? [];
  const pairs = words.flatMap((word): readonly Pair[] => {
    const [, name, double, single, bare] = /^([^=]+)=(?:"([^"]*)"|'([^']*)'|([\s\S]*))$/.exec(word) ?? [];
    if (name !== undefined) return [[name, double ?? single ?? bare ?? '']];
    source.report(node, { message: `${quoted(word)} is not a parameter`, expected: 'NAME=value' });
    return [];
  });
  return collect(pairs, node, source);
});

/** Parameters of a call: a map of any values, or text in Dagu's form. */
export const callParamsShape: Shape<CallParams> = byKind<CallParams>(expected, {
  scalar: wordsShape,
  map: mapped(mapOf(json, expected), collect),
});
