import type { DagIndex, JsonValue, Reference, RunState, Step, StepId, ValueRef } from '@skein/domain';
import { DomainError, parseExpression, parseReferences, referencesOfStep } from '@skein/domain';
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
  const upstream = [...ancestorsOf(graph, step)]
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
  expression: string,
  target: { readonly stepId: StepId; readonly name: string },
  known: KnownValues,
): ValueRef | typeof missing => {
  const step = state.steps.get(target.stepId);
  if (step === undefined) throw unresolved(expression, `there is no step ${target.stepId}`);
  if (step.fanout !== undefined && target.name === 'results') {
    const results = fanoutResults(state, target.stepId, known);
    return results === missing ? missing : { inline: results };
  }
  const named = step.result?.outputs[target.name];
  if (named !== undefined) return named;
  const stdout = step.result?.stdout;
  if (stdout !== undefined && state.graph.byId.get(target.stepId)?.output === target.name) return stdout;
  throw unresolved(expression, `step ${target.stepId} is ${step.status} and gave no output ${target.name}`);
};

/** The value of one reference, by the rules of the language; throws `invalid_argument` when it names nothing. */
const resolveTarget = (
  state: RunState,
  reference: Reference,
  item: CurrentItem | undefined,
  known: KnownValues,
): ValueRef | typeof missing => {
  const { expression, target } = reference;
  const inside = (ref: ValueRef, path: readonly string[]): ValueRef | typeof missing => {
    if (path.length === 0) return ref;
    const whole = valueOf(ref, known);
    if (whole === missing) return missing;
    const value = walk(whole, path);
    if (value === undefined) throw unresolved(expression, `there is nothing at ${path.join('.')}`);
    return { inline: value };
  };
  switch (target.kind) {
    case 'param': {
      const value = state.params[target.name];
      if (value === undefined) throw unresolved(expression, `the run has no parameter ${target.name}`);
      return { inline: value };
    }
    case 'run':
      return { inline: state.runId };
    case 'item':
      if (item === undefined) throw unresolved(expression, 'the step is no fan-out');
      return inside(item.value, target.path);
    case 'step_output': {
      const ref = outputOf(state, expression, target, known);
      return ref === missing ? missing : inside(ref, target.path);
    }
    case 'step_stdout': {
      const step = state.steps.get(target.stepId);
      if (step?.result === undefined) throw unresolved(expression, `step ${target.stepId} did not run`);
      return step.result.stdout ?? { inline: '' };
    }
    case 'step_exit_code': {
      const exitCode = state.steps.get(target.stepId)?.result?.exitCode;
      if (exitCode === undefined) throw unresolved(expression, `step ${target.stepId} has no exit code`);
      return { inline: exitCode };
    }
    case 'env':
      throw unresolved(expression, 'the environment is known only to the worker');
    case 'invalid':
      throw unresolved(expression, target.reason);
  }
};

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
  let complete = true;
  for (const reference of needs.references) {
    const found = resolveTarget(state, reference, item, known);
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
  const reference = parseReferences(written)[0] ?? {
    expression: written,
    start: 0,
    end: written.length,
    target: parseExpression(written),
    asFile: false,
  };
  const found = resolveTarget(state, reference, undefined, known);
  if (found === missing) return missing;
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
