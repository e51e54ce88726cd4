import type { TextHasher } from '../hashing/text-hasher.ts';
import type { Digest } from '../identity/ids.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { Dag } from './dag.ts';

/** The digest of a DAG: over its canonical JSON, so that the order of keys does not matter. */
export const dagDigest = (dag: Dag, hasher: TextHasher): Digest =>
  hasher.digest(canonicalJson(dag as unknown as JsonValue));
