import type { JsonValue } from '@skein/domain';
import { type JsonBudget, scanJson } from './json-scanner.ts';
import { snapshotInvalid } from './snapshot-error.ts';

/** The value of JSON bytes that were scanned first. Throws `snapshot_invalid` with the reason `bad_json`. */
export const readJson = (bytes: Uint8Array, budget: JsonBudget, what: string): JsonValue => {
  const text = decodeText(bytes, what);
  const defect = scanJson(text, budget);
  if (defect !== undefined) throw snapshotInvalid('bad_json', `${defect.message} (character ${defect.at})`, what);
  return JSON.parse(text) as JsonValue;
};

const decodeText = (bytes: Uint8Array, what: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw snapshotInvalid('bad_json', 'the bytes are not UTF-8', what);
  }
};
