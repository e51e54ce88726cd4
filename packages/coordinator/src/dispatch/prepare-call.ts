import type { Digest, JsonValue, ParamDef, Precondition, RunState, Step, StepPath } from '@skein/domain';
import {
  canonicalJson,
  DomainError,
  isHandlerId,
  maxCallDepth,
  parseStepPath,
  resolveParams,
  utf8Length,
} from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import type { RunActor } from '../run/run-actor.ts';
import { depthOf, maxTreeRuns, rootOf } from '../run/tree-sizes.ts';
import type { KnownValues } from './known-values.ts';
import { itemsOf, missing } from './known-values.ts';
import type { Prepared } from './preparation.ts';
import { prepare } from './preparation.ts';
import type { Lookup, RenderScope } from './render-values.ts';
import { renderPlain, renderValue, renderWith } from './render-values.ts';

/** What a call runs, and with which params. */
export interface PreparedCall {
  readonly name: string;
  readonly dag: IndexedDag;
  /** As the called DAG declares them. */
  readonly params: RunState['params'];
}

/** A step that calls a DAG. */
type CallStep = Step & { readonly action: Extract<Step['action'], { readonly kind: 'call' }> };

/** True for a step that calls a DAG. */
export const isCall = (step: Step): step is CallStep => step.action.kind === 'call';

/** Whose references a step of the coordinator's own renders, and on what; `missing` when its item must be fetched first. */
export const scopeOf = (state: RunState, path: StepPath, known: KnownValues): RenderScope | typeof missing => {
  const parsed = parseStepPath(path);
  const lenient = isHandlerId(path);
  const step = parsed?.index === undefined ? undefined : state.steps.get(parsed.stepId);
  if (parsed?.index === undefined || step === undefined) return { state, item: undefined, lenient };
  const items = itemsOf(step, known);
  if (items === missing) return missing;
  const item = items[parsed.index];
  if (item === undefined) throw new DomainError('internal', `the fan-out has no item ${parsed.index}`);
  return { state, item: { index: parsed.index, value: { inline: item } }, lenient };
};

/** Whether a precondition that compares two texts holds. */
export const isMet = ({ condition, expected = '', negate }: Precondition, lookup: Lookup): boolean =>
  (renderPlain(condition, lookup) === renderPlain(expected, lookup)) !== negate;

/** The DAG that a name means for this run, fixed at its admission (R4). Throws `invalid_argument`, `not_found`. */
const targetOf = (state: RunState, { action }: CallStep, name: string): Digest => {
  const isExpression = action.dag.includes('${');
  if (isExpression && action.choices?.includes(name) !== true) {
    throw new DomainError('invalid_argument', `the step may not call the DAG "${name}": it is none of its choices`, {
      problems: [{ message: `"${name}" is none of the choices`, expected: (action.choices ?? []).join(', ') }],
    });
  }
  const targets = state.calls?.[state.dagDigest];
  const digest = targets !== undefined && Object.hasOwn(targets, name) ? targets[name] : undefined;
  if (digest === undefined) throw new DomainError('not_found', `the run knows no DAG "${name}" to call`, { dag: name });
  return digest;
};

const boundTree = (engine: Engine, state: RunState): 'unknown' | undefined => {
  if (depthOf(state) >= maxCallDepth) {
    const message = `calls may be nested ${maxCallDepth} deep`;
    throw new DomainError('resource_exhausted', message, { limit: maxCallDepth });
  }
  const size = engine.trees.of(rootOf(state));
  if (size === undefined) return 'unknown';
  if (size < maxTreeRuns) return undefined;
  const message = `the tree of a run may have ${maxTreeRuns} runs`;
  throw new DomainError('resource_exhausted', message, { limit: maxTreeRuns });
};

type Given = readonly (readonly [name: string, value: JsonValue])[];

/**
 * In a handler, what a step does not have is null: for a parameter that cannot be null it is the default, else empty text, else nothing.
 */
const withoutNulls = (params: readonly ParamDef[], given: Given): Given =>
  given.flatMap(([name, value]) => {
    const param = value === null ? params.find((declared) => declared.name === name) : undefined;
    if (param === undefined || param.type === 'any') return [[name, value] as const];
    return param.default === undefined && param.type === 'string' ? [[name, ''] as const] : [];
  });

/**
 * The params of a call as the called DAG declares them; `missing` when values must be fetched first. The same at any time after the
 * call began: what a step may refer to is settled before it begins. Throws `invalid_argument` with every field, `too_large`.
 */
export const paramsOfCall = (
  engine: Engine,
  state: RunState,
  path: StepPath,
  step: CallStep,
  dag: IndexedDag,
  known: KnownValues,
): RunState['params'] | typeof missing => {
  const scope = scopeOf(state, path, known);
  if (scope === missing) return missing;
  const given = renderWith(scope, known, (lookup) =>
    Object.entries(step.action.params ?? {}).map(([name, value]) => [name, renderValue(value, lookup)] as const),
  );
  if (given === missing) return missing;
  const values = scope.lenient ? withoutNulls(dag.dag.params, given) : given;
  const params = resolveParams(dag.dag.params, Object.fromEntries(values));
  if (!params.ok) {
    const message = params.error.map((problem) => problem.message).join('; ');
    throw new DomainError('invalid_argument', `DAG "${dag.dag.name}" cannot be called so: ${message}`, {
      problems: params.error,
    });
  }
  const actual = utf8Length(canonicalJson(params.value));
  const limit = engine.config.maxParamsBytes;
  if (actual > limit) throw new DomainError('too_large', 'the params of a run may not be so large', { limit, actual });
  return params.value;
};

/**
 * Decides a call that may begin: its preconditions, which DAG it means, its params, and whether the tree may grow. A failure is the
 * step's, like that of a task's inputs.
 */
export const prepareCall = (
  engine: Engine,
  actor: RunActor,
  path: StepPath,
  step: CallStep,
): Prepared<PreparedCall | 'not_met'> =>
  prepare(engine, actor, path, (known, wanted, preparation) => {
    const { state } = actor;
    const scope = scopeOf(state, path, known);
    if (scope === missing) return missing;
    const met = renderWith(scope, known, (lookup) => step.preconditions.every((one) => isMet(one, lookup)));
    if (met === missing) return missing;
    if (!met) return 'not_met';
    if (boundTree(engine, state) === 'unknown') wanted.tree = rootOf(state);
    const name = renderWith(scope, known, (lookup) => renderPlain(step.action.dag, lookup));
    if (name === missing) return missing;
    const digest = targetOf(state, step, name);
    const dag = preparation?.dags.get(digest);
    if (dag === undefined) {
      wanted.dag = digest;
      return missing;
    }
    const params = paramsOfCall(engine, state, path, step, dag, known);
    return params === missing || wanted.tree !== undefined ? missing : { name, dag, params };
  });
