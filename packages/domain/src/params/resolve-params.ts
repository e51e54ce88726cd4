import type { ParamDef } from '../dag/param.ts';
import type { Problem } from '../errors/domain-error.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { JsonValue } from '../json/json-value.ts';
import { err, ok, type Result } from '../result/result.ts';
import { suggest } from '../text/suggest.ts';
import { coerceValue, describeType } from './value-type.ts';

/** Resolved parameters by name. */
export interface Params {
  readonly [name: string]: JsonValue;
}

/**
 * The parameters of a run: what was given, read as its declared type, and the defaults of the rest. An optional parameter without a default
 * that was not given is absent. All problems come at once, each with the field `params.NAME`; unknown names are refused.
 */
export const resolveParams = (defs: readonly ParamDef[], given: Params): Result<Params, readonly Problem[]> => {
  const problems: Problem[] = [];
  const resolved = new Map<string, JsonValue>();
  for (const def of defs) {
    const value = Object.hasOwn(given, def.name) ? given[def.name] : undefined;
    if (value === undefined) {
      if (def.default !== undefined) resolved.set(def.name, def.default);
      else if (def.required) {
        const message = `the parameter "${def.name}" is required`;
        problems.push({ field: fieldOf(def.name), message, expected: describeType(def.type) });
      }
      continue;
    }
    const checked = checkParam(def, value);
    if (checked.ok) resolved.set(def.name, checked.value);
    else problems.push(checked.error);
  }
  for (const name of Object.keys(given))
    if (!defs.some((def) => def.name === name)) problems.push(unknownParam(name, defs));
  return problems.length === 0 ? ok(Object.fromEntries(resolved)) : err(problems);
};

/** One value against its definition: the value as its declared type, or what is wrong with it. */
export const checkParam = (def: ParamDef, given: JsonValue): Result<JsonValue, Problem> => {
  const wrong = (message: string, expected: string): Result<never, Problem> =>
    err({ field: fieldOf(def.name), message: `the parameter "${def.name}" ${message}`, expected });
  const value = coerceValue(def.type, given);
  if (value === undefined) return wrong(`is not ${describeType(def.type)}`, describeType(def.type));
  if (def.enum !== undefined && !def.enum.some((one) => canonicalJson(one) === canonicalJson(value))) {
    return wrong('is none of the allowed values', def.enum.map((one) => canonicalJson(one)).join(', '));
  }
  if (typeof value === 'number' && def.minimum !== undefined && value < def.minimum) {
    return wrong(`is less than ${def.minimum}`, `at least ${def.minimum}`);
  }
  if (typeof value === 'number' && def.maximum !== undefined && value > def.maximum) {
    return wrong(`is greater than ${def.maximum}`, `at most ${def.maximum}`);
  }
  return ok(value);
};

const unknownParam = (name: string, defs: readonly ParamDef[]): Problem => {
  const names = defs.map((def) => def.name);
  const suggestion = suggest(name, names);
  const expected = names.length === 0 ? 'no parameters' : names.join(', ');
  const problem = { field: fieldOf(name), message: `there is no parameter "${name}"`, expected };
  return suggestion === undefined ? problem : { ...problem, suggestion };
};

const fieldOf = (name: string): string => `params.${name}`;
