import type { DagIndex, JsonValue, Reference, ReferenceTarget, RunState, Step, StepId, ValueRef } from '@skein/domain';
import {
  DomainError,
  isHandlerId,
  parseExpression,
  parseReferences,
  referencesOfStep,
  runFieldValue,
} from '@skein/domain';
import type { KnownValues } from './known-values.ts';
import { fanoutResults, missing, referTo, valueOf, walk } from './known-values.ts';

/** The item that a task works on. */
export interface CurrentItem {
  readonly index: number;
  readonly value: ValueRef;
}

/** What of a step never changes from run to run. */
interface StepNeeds {
  readonly references: readonly Reference[];
  /** `output: NAME` of the steps before it, in DAG order. */
  readonly upstream: readonly { readonly name: string; readonly stepId: StepId }[];
}

const needsByStep = new WeakMap<DagIndex, Map<StepId, StepNeeds>>();

const ancestorsOf = (graph: DagIndex, step: Step): ReadonlySet<StepId> => {
  const seen = new Set<StepId>();
  const open = [...step.depends];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...(graph.byId.get(id)?.depends ?? []));
  }
  return seen;
};

/** References that the coordinator resolves for a step, each once, and the upstream outputs that it sees. */
export const needsOf = (graph: DagIndex, step: Step): StepNeeds => {
  let ofDag = needsByStep.get(graph);
  if (ofDag === undefined) {
    ofDag = new Map();
    needsByStep.set(graph, ofDag);
  }
  const known = ofDag.get(step.id);
  if (known !== undefined) return known;
  const { foreach: _items, ...withoutItems } = step;
  const byExpression = new Map<string, Reference>();
  for (const reference of referencesOfStep(withoutItems)) {
    if (reference.target.kind !== 'env') byExpression.set(reference.expression, reference);
  }
  const before = isHandlerId(step.id)
    ? [...graph.byId.keys()].filter((id) => !isHandlerId(id))
    : ancestorsOf(graph, step);
  const upstream = [...before]
    .sort((a, b) => (graph.order.get(a) ?? 0) - (graph.order.get(b) ?? 0))
    .flatMap((stepId) => {
      const name = graph.byId.get(stepId)?.output;
      return name === undefined ? [] : [{ name, stepId }];
    });
  const needs = { references: [...byExpression.values()], upstream };
  ofDag.set(step.id, needs);
  return needs;
};

const unresolved = (expression: string, why: string): DomainError =>
  new DomainError('invalid_argument', `\${${expression}} cannot be resolved: ${why}`, { expression });

const outputOf = (
  state: RunState,
  target: { readonly stepId: StepId; readonly name: string },
  known: KnownValues,
): ValueRef | typeof missing | undefined => {
  const step = state.steps.get(target.stepId);
  if (step?.fanout !== undefined && target.name === 'results') {
    const results = fanoutResults(state, target.stepId, known);
    return results === missing ? missing : { inline: results };
  }
  const named = step?.result?.outputs[target.name];
  if (named !== undefined) return named;
  return state.graph.byId.get(target.stepId)?.output === target.name ? step?.result?.stdout : undefined;
};

const inside = (ref: ValueRef, path: readonly string[], known: KnownValues): ValueRef | typeof missing | undefined => {
  if (path.length === 0) return ref;
  const whole = valueOf(ref, known);
  if (whole === missing) return missing;
  const value = walk(whole, path);
  return value === undefined ? undefined : { inline: value };
};

/** What of a step's result a reference names; undefined when the step gave no such thing. */
const stepValue = (
  state: RunState,
  target: Extract<ReferenceTarget, { readonly stepId: StepId }>,
  known: KnownValues,
): ValueRef | typeof missing | undefined => {
  const result = state.steps.get(target.stepId)?.result;
  switch (target.kind) {
    case 'step_output': {
      const ref = outputOf(state, target, known);
      return ref === missing || ref === undefined ? ref : inside(ref, target.path, known);
    }
    case 'step_stdout':
      return result === undefined ? undefined : (result.stdout ?? { inline: '' });
    case 'step_exit_code':
      return result?.exitCode === undefined ? undefined : { inline: result.exitCode };
  }
};

const whyNoValue = (state: RunState, target: Extract<ReferenceTarget, { readonly stepId: StepId }>): string => {
  const step = state.steps.get(target.stepId);
  if (step === undefined) return `there is no step ${target.stepId}`;
  switch (target.kind) {
    case 'step_output': {
      const at = [target.name, ...target.path].join('.');
      return `step ${target.stepId} is ${step.status} and gave no output ${at}`;
    }
    case 'step_stdout':
      return `step ${target.stepId} did not run`;
    case 'step_exit_code':
      return `step ${target.stepId} has no exit code`;
  }
};

/**
 * The value of one reference, by the rules of the language; throws `invalid_argument` when it names nothing. With `lenient` a value of a
 * step that does not exist is undefined instead.
 */
export const resolveTarget = (
  state: RunState,
  { expression, target }: Pick<Reference, 'expression' | 'target'>,
  item: CurrentItem | undefined,
  known: KnownValues,
  lenient: boolean,
): ValueRef | typeof missing | undefined => {
  switch (target.kind) {
    case 'param': {
      const value = Object.hasOwn(state.params, target.name) ? state.params[target.name] : undefined;
      if (value === undefined) throw unresolved(expression, `the run has no parameter ${target.name}`);
      return { inline: value };
    }
    case 'run': {
      const value = runFieldValue(state, target.field);
      if (value === undefined) throw unresolved(expression, `a run has no ${target.field}`);
      return { inline: value };
    }
    case 'item': {
      if (item === undefined) throw unresolved(expression, 'the step is no fan-out');
      const value = inside(item.value, target.path, known);
      if (value === undefined) throw unresolved(expression, `there is nothing at ${target.path.join('.')}`);
      return value;
    }
    case 'step_output':
    case 'step_stdout':
    case 'step_exit_code': {
      const value = stepValue(state, target, known);
      if (value === undefined && !lenient) throw unresolved(expression, whyNoValue(state, target));
      return value;
    }
    case 'env':
      throw unresolved(expression, 'the environment is known only to the worker');
    case 'invalid':
      throw unresolved(expression, target.reason);
  }
};

/** What a handler's text shows of a value that does not exist. */
const nothing: ValueRef = { inline: '' };

/** All values that a step refers to, ready to travel; `missing` when some must be fetched or stored first. */
export const resolveReferences = (
  state: RunState,
  step: Step,
  item: CurrentItem | undefined,
  known: KnownValues,
):
  | {
      readonly refs: { readonly [expression: string]: ValueRef };
      readonly upstreamEnv: { readonly [name: string]: ValueRef };
    }
  | typeof missing => {
  const needs = needsOf(state.graph, step);
  const refs: { [expression: string]: ValueRef } = {};
  const upstreamEnv: { [name: string]: ValueRef } = {};
  const lenient = isHandlerId(step.id);
  let complete = true;
  for (const reference of needs.references) {
    const found = resolveTarget(state, reference, item, known, lenient) ?? nothing;
    const ref = found !== missing && 'inline' in found ? referTo(reference.expression, found.inline, known) : found;
    if (ref === missing) complete = false;
    else refs[reference.expression] = ref;
  }
  for (const { name, stepId } of needs.upstream) {
    const stdout = state.steps.get(stepId)?.result?.stdout;
    if (stdout !== undefined) upstreamEnv[name] = stdout;
  }
  return complete ? { refs, upstreamEnv } : missing;
};

/** The list of a fan-out: written out, or one reference to a list (or to the JSON text of one). Throws `invalid_argument`. */
export const resolveItems = (
  state: RunState,
  step: Step,
  known: KnownValues,
): { readonly items: readonly JsonValue[]; readonly ref: ValueRef } | typeof missing => {
  const written = step.foreach?.items ?? [];
  if (typeof written !== 'string') {
    const ref = referTo('items', [...written], known);
    return ref === missing ? missing : { items: written, ref };
  }
  const reference = parseReferences(written)[0] ?? { expression: written, target: parseExpression(written) };
  const found = resolveTarget(state, reference, undefined, known, false);
  if (found === missing || found === undefined) return missing;
  const value = valueOf(found, known);
  if (value === missing) return missing;
  const items = typeof value === 'string' ? listFromText(value) : value;
  if (!Array.isArray(items)) throw unresolved(reference.expression, `items must be a list, not ${kindOf(value)}`);
  if (!('inline' in found) && typeof value !== 'string') return { items, ref: found };
  const ref = referTo('items', items, known);
  return ref === missing ? missing : { items, ref };
};

const listFromText = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
};

const kindOf = (value: JsonValue): string =>
  value === null ? 'null' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
