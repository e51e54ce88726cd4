import type { ErrorData, TaskOutcome, TaskResult, TenantId, ValueRef } from '@skein/domain';
import { maxInlineValueBytes, maxProposalBytes, maxProposals, utf8Length } from '@skein/domain';
import { storeValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';

/*
 * A result becomes one fact of at most 64 KiB, whatever a worker sends: one that did not fit could never be appended, and its step
 * would never end. Inline values up to 40 KiB, references and names up to 12 KiB, the error up to 8 KiB.
 */

/** Inline bytes of one result; above it the largest values go to the blob store first. */
const maxInlineResultBytes = 40 * 1024;

/** Names and references of the outputs. */
const maxNamesBytes = 12 * 1024;

/** JSON of the error. */
const maxErrorBytes = 8 * 1024;

/** Characters that stay of a message that is too long; each takes at most six bytes of JSON. */
const keptCharacters = 1_000;

const jsonBytes = (value: unknown): number => utf8Length(JSON.stringify(value));

const boundError = (error: ErrorData): ErrorData =>
  jsonBytes(error) <= maxErrorBytes
    ? error
    : { code: error.code, message: `${error.message.slice(0, keptCharacters)} …` };

const boundOutcome = (outcome: TaskOutcome): TaskOutcome =>
  'error' in outcome && outcome.error !== undefined ? { ...outcome, error: boundError(outcome.error) } : outcome;

const inlineBytes = (ref: ValueRef | undefined): number =>
  ref === undefined || !('inline' in ref) ? 0 : jsonBytes(ref.inline);

/** Too many proposals, or one that is too long: the number, and its limit. */
const proposalExcess = ({
  proposals = [],
}: TaskResult): { readonly limit: number; readonly actual: number } | undefined => {
  if (proposals.length > maxProposals) return { limit: maxProposals, actual: proposals.length };
  for (const { text, basis = '' } of proposals) {
    const actual = Math.max(utf8Length(text), utf8Length(basis));
    if (actual > maxProposalBytes) return { limit: maxProposalBytes, actual };
  }
  return undefined;
};

const failed = (
  result: TaskResult,
  message: string,
  details: { readonly limit: number; readonly actual: number },
): TaskResult => {
  const { stdout: _stdout, proposals: _proposals, ...rest } = result;
  return { ...rest, outputs: {}, outcome: { status: 'failed', error: { code: 'too_large', message, details } } };
};

/** The result with an error that fits; one with more outputs than a fact can name, or more to remember than it may ask for, is a failure. */
export const boundResult = (result: TaskResult): TaskResult => {
  let names = 0;
  for (const name in result.outputs) names += utf8Length(name) + 128;
  if (names > maxNamesBytes) {
    return failed(result, 'the step has more outputs than can be recorded', { limit: maxNamesBytes, actual: names });
  }
  const excess = result.proposals === undefined ? undefined : proposalExcess(result);
  if (excess !== undefined) return failed(result, 'the step proposes more for memory than it may', excess);
  const outcome = boundOutcome(result.outcome);
  return outcome === result.outcome ? result : { ...result, outcome };
};

/** True when values must be moved out before the result can be recorded. */
export const isLarge = (result: TaskResult): boolean => {
  let bytes = inlineBytes(result.stdout);
  for (const name in result.outputs) bytes += inlineBytes(result.outputs[name]);
  return bytes > maxInlineResultBytes;
};

/** Moves inline values out, the largest first, until the result fits into a fact. Throws `unavailable`. */
export const spillResult = async (engine: Engine, tenant: TenantId, result: TaskResult): Promise<TaskResult> => {
  const outputs: { [name: string]: ValueRef } = { ...result.outputs };
  let { stdout } = result;
  const entries = [
    ...Object.entries(outputs).map(([name, ref]) => ({ name, ref })),
    ...(stdout === undefined ? [] : [{ name: undefined, ref: stdout }]),
  ]
    .map((entry) => ({ ...entry, bytes: inlineBytes(entry.ref) }))
    .sort((a, b) => b.bytes - a.bytes);
  let left = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { name, ref, bytes } of entries) {
    if ((left <= maxInlineResultBytes && bytes <= maxInlineValueBytes) || !('inline' in ref)) continue;
    const moved = await storeValue(engine, tenant, ref.inline);
    left -= bytes;
    if (name === undefined) stdout = moved;
    else outputs[name] = moved;
  }
  return stdout === undefined ? { ...result, outputs } : { ...result, outputs, stdout };
};
