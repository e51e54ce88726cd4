import type { JsonValue } from '@skein/domain';
import { type JsonBudget, JsonDefect, JsonReader } from './json-reader.ts';
import { snapshotInvalid } from './snapshot-error.ts';

/**
 * The value of JSON bytes that are checked while they are read. Text in a field that takes more than `deferOver` bytes stays in `bytes`,
 * which nobody may change then, until someone reads the field. Throws `snapshot_invalid` with the reason `bad_json`.
 */
export const readJson = (
  bytes: Uint8Array,
  budget: JsonBudget,
  what: string,
  deferOver: number = Number.POSITIVE_INFINITY,
): JsonValue => {
  const reader = new JsonReader(bytes, budget, deferOver);
  try {
    return reader.read();
  } catch (thrown) {
    if (thrown instanceof JsonDefect) {
      throw snapshotInvalid('bad_json', `${thrown.message} (byte ${reader.at})`, what);
    }
    throw thrown;
  }
};
