import type { Digest, JsonValue, RunState, StepId, StepState, ValueRef } from '@skein/domain';
import { canonicalJson, maxInlineValueBytes, utf8Length } from '@skein/domain';

/** Values by digest that are in memory, and those that a resolution found missing. */
export interface KnownValues {
  /** The value, or undefined when it must be fetched first; then the digest is noted. */
  load(digest: Digest): JsonValue | undefined;
  /** The reference of a large value that was stored under this name, or undefined when it must be stored first; then it is noted. */
  stored(name: string, value: JsonValue): ValueRef | undefined;
}

/** A value that a resolution needs is not in memory yet. */
export const missing = Symbol('missing');

/** The value of a reference. */
export const valueOf = (ref: ValueRef, known: KnownValues): JsonValue | typeof missing => {
  if ('inline' in ref) return ref.inline;
  const value = known.load(ref.digest);
  return value === undefined ? missing : value;
};

/** True when the canonical JSON of the value is surely within the inline limit, or measured to be. */
const fitsInline = (value: JsonValue): boolean => {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return true;
  // A UTF-16 unit takes at most six bytes once escaped.
  if (typeof value === 'string' && value.length * 6 + 2 <= maxInlineValueBytes) return true;
  return utf8Length(canonicalJson(value)) <= maxInlineValueBytes;
};

/** The reference under which a value travels. */
export const referTo = (name: string, value: JsonValue, known: KnownValues): ValueRef | typeof missing =>
  fitsInline(value) ? { inline: value } : (known.stored(name, value) ?? missing);

/** What is found by walking keys and array positions; undefined when there is nothing. */
export const walk = (value: JsonValue, path: readonly string[]): JsonValue | undefined => {
  let at: JsonValue | undefined = value;
  for (const key of path) {
    if (at === null || typeof at !== 'object') return undefined;
    if (Array.isArray(at)) at = /^(0|[1-9]\d*)$/.test(key) ? at[Number(key)] : undefined;
    else at = Object.hasOwn(at, key) ? at[key] : undefined;
    if (at === undefined) return undefined;
  }
  return at;
};

/** The list that a fan-out runs over. */
export const itemsOf = (step: StepState, known: KnownValues): readonly JsonValue[] | typeof missing => {
  if (step.fanout === undefined) return [];
  const items = valueOf(step.fanout.items, known);
  if (items === missing) return missing;
  return Array.isArray(items) ? items : [];
};

/** A fan-out's `results`: for each item, in item order, the item, how it ended and its outputs. */
export const fanoutResults = (state: RunState, stepId: StepId, known: KnownValues): JsonValue | typeof missing => {
  const step = state.steps.get(stepId);
  const items = step === undefined ? [] : itemsOf(step, known);
  if (items === missing) return missing;
  const results: JsonValue[] = [];
  let complete = true;
  step?.fanout?.states.forEach((item, index) => {
    const outputs: { [name: string]: JsonValue } = {};
    for (const [name, ref] of Object.entries(item.result?.outputs ?? {})) {
      const value = valueOf(ref, known);
      if (value === missing) complete = false;
      else outputs[name] = value;
    }
    const stdout = item.result?.stdout;
    const named = state.graph.byId.get(stepId)?.output;
    if (named !== undefined && stdout !== undefined) {
      const value = valueOf(stdout, known);
      if (value === missing) complete = false;
      else outputs[named] = value;
    }
    results.push({ item: items[index] ?? null, status: item.status, outputs });
  });
  return complete ? results : missing;
};
