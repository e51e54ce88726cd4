import type { ErrorData, JsonValue, RecordedResult, RunId, RunState, TenantId, ValueRef } from '@skein/domain';
import { DomainError, isDomainError, maxInlineValueBytes, toErrorData, utf8Length } from '@skein/domain';
import { awaitValues } from '../dispatch/await-values.ts';
import type { KnownValues } from '../dispatch/known-values.ts';
import { missing, referTo } from '../dispatch/known-values.ts';
import { renderText, renderWith } from '../dispatch/render-values.ts';
import { storeValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { boundError } from './bound-error.ts';
import { usageOfRun } from './usage-of-run.ts';

/** Inline bytes of all outputs of one result; above it the largest go to the blob store. */
const maxInlineResultBytes = 40 * 1024;

/** Names and references of the outputs. */
const maxNamesBytes = 12 * 1024;

type Outputs = { readonly [name: string]: ValueRef };

/** `output: NAME` of every step that ran, in DAG order. */
const namedOutputs = (state: RunState): Outputs => {
  const outputs: { [name: string]: ValueRef } = {};
  for (const { id, output } of state.dag.steps) {
    const stdout = state.steps.get(id)?.result?.stdout;
    if (output !== undefined && stdout !== undefined) outputs[output] = stdout;
  }
  return outputs;
};

/** What the DAG declares that its caller gets. */
const declaredOutputs = (
  state: RunState,
  declared: { readonly [name: string]: string },
  known: KnownValues,
): Outputs | typeof missing => {
  const scope = { state, item: undefined, lenient: false };
  const outputs: { [name: string]: ValueRef } = {};
  let complete = true;
  for (const [name, text] of Object.entries(declared)) {
    const value = renderWith(scope, known, (lookup) => renderText(text, lookup));
    const ref = value === missing ? missing : referTo(name, value, known);
    if (ref === missing) complete = false;
    else outputs[name] = ref;
  }
  return complete ? outputs : missing;
};

const inlineBytes = (ref: ValueRef): number => ('inline' in ref ? utf8Length(JSON.stringify(ref.inline)) : 0);

/** Moves the largest values out until all fit into one fact. Throws `too_large`, `unavailable`. */
const boundOutputs = async (engine: Engine, tenant: TenantId, outputs: Outputs): Promise<Outputs> => {
  const names = Object.keys(outputs).reduce((sum, name) => sum + utf8Length(name) + 128, 0);
  if (names > maxNamesBytes) {
    throw new DomainError('too_large', 'the DAG has more outputs than can be recorded', {
      limit: maxNamesBytes,
      actual: names,
    });
  }
  const entries = Object.entries(outputs).map(([name, ref]) => ({ name, ref, bytes: inlineBytes(ref) }));
  let left = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (left <= maxInlineResultBytes && entries.every(({ bytes }) => bytes <= maxInlineValueBytes)) return outputs;
  const bounded: { [name: string]: ValueRef } = { ...outputs };
  for (const { name, ref, bytes } of entries.sort((a, b) => b.bytes - a.bytes)) {
    if (!('inline' in ref) || (left <= maxInlineResultBytes && bytes <= maxInlineValueBytes)) continue;
    bounded[name] = await storeValue(engine, tenant, ref.inline);
    left -= bytes;
  }
  return bounded;
};

const outputsOf = async (engine: Engine, state: RunState): Promise<Outputs> => {
  const declared = state.dag.outputs;
  const outputs =
    declared === undefined
      ? namedOutputs(state)
      : await awaitValues(engine, state.tenant, (known) => declaredOutputs(state, declared, known));
  return boundOutputs(engine, state.tenant, outputs);
};

const failedBecause = (name: string, childRunId: RunId, cause: ErrorData | undefined): ErrorData => {
  const { code, message, details } = cause ?? { code: 'internal', message: 'no reason recorded' };
  const kept: { [key: string]: JsonValue } = { ...(details as { [key: string]: JsonValue } | undefined), childRunId };
  return boundError({ code, message: `DAG "${name}" (run ${childRunId}) failed: ${message}`, details: kept });
};

/** The result of a call whose child run could not be created, and never will be. */
export const refusedCall = (name: string, childRunId: RunId, error: ErrorData): RecordedResult => ({
  outcome: { status: 'failed', error: failedBecause(name, childRunId, error) },
  outputs: {},
  durationMs: 0,
});

/**
 * What a call gets from its child run, which is over, with what the run used. Outputs that cannot be resolved make the call fail. Throws `unavailable`.
 */
export const resultOfChild = async (engine: Engine, name: string, state: RunState): Promise<RecordedResult> => {
  const { runId, status, error } = state;
  const usage = usageOfRun(state);
  const spent = {
    durationMs: Math.max(0, (state.finishedAt ?? state.createdAt) - state.createdAt),
    ...(usage === undefined ? {} : { usage }),
  };
  if (status === 'cancelled') return { outcome: { status: 'cancelled' }, outputs: {}, ...spent };
  if (status !== 'succeeded') {
    return { outcome: { status: 'failed', error: failedBecause(name, runId, error) }, outputs: {}, ...spent };
  }
  try {
    return { outcome: { status: 'succeeded' }, outputs: await outputsOf(engine, state), ...spent };
  } catch (thrown) {
    if (isPassing(thrown)) throw thrown;
    if (!isDomainError(thrown)) engine.deps.log.error('outputs of a run cannot be read', { runId, error: thrown });
    const cause = toErrorData(thrown);
    const failure = { ...cause, message: `its outputs cannot be given back: ${cause.message}` };
    return { outcome: { status: 'failed', error: failedBecause(name, runId, failure) }, outputs: {}, ...spent };
  }
};
