import { list } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { quoted, text } from '../shape/scalars.ts';
import { mapped, type Shape } from '../shape/shape.ts';

/** Most fields that are tried one after the other. */
const maxKeys = 8;

const keyShape = mapped(text('a field of the routing context'), (key, node, source) => {
  if (/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(key)) return key;
  source.report(node, {
    message: `${quoted(key)} is not a field of the routing context`,
    expected: 'a letter or _, then at most 63 letters, digits, _ . or -',
  });
  return undefined;
});

const keysShape = mapped(list(keyShape, 'a list of fields of the routing context', 1), (keys, node, source) => {
  if (new Set(keys).size < keys.length)
    source.report(node, { message: 'a field is given twice', expected: 'each field once' });
  if (keys.length > maxKeys)
    source.report(node, { message: 'there are too many fields', expected: `at most ${maxKeys}` });
  return keys;
});

const routingRecord = record({
  noun: 'routing',
  fields: {
    keys: {
      shape: keysShape,
      about:
        'Fields of the routing context; the first with a text chooses. A field that is left out is taken from the param of its name.',
      required: true,
    },
  },
});

/** `routing: {keys: [customerId]}`. */
export const routingShape: Shape<{ readonly keys: readonly string[] }> = mapped(routingRecord, ({ values }) =>
  values.keys === undefined ? undefined : { keys: values.keys },
);
