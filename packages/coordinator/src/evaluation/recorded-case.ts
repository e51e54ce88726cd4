import type {
  Digest,
  JsonValue,
  Playback,
  RunFact,
  RunState,
  Step,
  StepPath,
  TenantId,
  ToolEntry,
  TurnEntry,
  ValueRef,
} from '@skein/domain';
import {
  canonicalJson,
  DomainError,
  maxPlaybackBytes,
  parseStepPath,
  unrecordedTools,
  utf8Length,
} from '@skein/domain';
import { awaitValues } from '../dispatch/await-values.ts';
import { itemsOf, missing } from '../dispatch/known-values.ts';
import { renderPlain, renderWith } from '../dispatch/render-values.ts';
import { fetchValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import type { AttemptValues } from './read-attempt.ts';
import { readAttempt, valuesOfAttempt } from './read-attempt.ts';

/** A reference to a document in the blob store. */
export interface StoredRef {
  readonly digest: Digest;
  readonly bytes: number;
}

/** All that is needed to do a recorded step again on another version. */
export interface RecordedCase {
  readonly prompt: string;
  readonly playback: StoredRef;
  readonly recorded: AttemptValues;
}

type Calls = Playback['calls'];

const bodyOf = (engine: Engine, tenant: TenantId, ref: ValueRef): Promise<JsonValue> | JsonValue =>
  'inline' in ref ? ref.inline : fetchValue(engine, tenant, ref.digest);

const fieldOf = (value: JsonValue | undefined, name: string): JsonValue | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value[name] : undefined;

const placeOf = ({ thread, turn }: { readonly thread: string; readonly turn: number }): string => `${thread} ${turn}`;

/** A call that the recorded version was not allowed to make says nothing of its tool. */
const wasRefused = (entry: ToolEntry, output: JsonValue): boolean =>
  entry.isError && fieldOf(output, 'error') === 'permission_denied';

const unreadable = (why: string): DomainError => new DomainError('data_corrupt', `the record cannot be used: ${why}`);

/** The calls of an attempt in the order in which they ended, and what it was asked. */
const readTranscript = async (
  engine: Engine,
  tenant: TenantId,
  entries: readonly (TurnEntry | ToolEntry)[],
): Promise<{ readonly calls: Calls; readonly prompt?: string }> => {
  const inputs = new Map<string, readonly JsonValue[]>();
  const calls: Calls[number][] = [];
  let prompt: string | undefined;
  for (const entry of entries) {
    if (entry.type === 'turn') {
      const delta = await bodyOf(engine, tenant, entry.delta);
      const toolCalls = fieldOf(delta, 'toolCalls');
      inputs.set(placeOf(entry), Array.isArray(toolCalls) ? toolCalls : []);
      const said = fieldOf(delta, 'said');
      const first = Array.isArray(said) ? fieldOf(said[0], 'text') : undefined;
      if (entry.thread === '' && entry.turn === 1 && typeof first === 'string') prompt = first;
      continue;
    }
    if (unrecordedTools.includes(entry.tool)) continue;
    const input = fieldOf(inputs.get(placeOf(entry))?.[entry.index], 'input');
    if (input === undefined) throw unreadable(`call ${entry.index} of turn ${entry.turn} has no input`);
    const output = await bodyOf(engine, tenant, entry.result);
    if (wasRefused(entry, output)) continue;
    calls.push({ tool: entry.tool, input: canonicalJson(input), output, isError: entry.isError });
  }
  return prompt === undefined ? { calls } : { calls, prompt };
};

/** The prompt of a step whose agent never got to a turn, rendered as its worker would. Throws where only the worker knows a value. */
const renderRecorded = (engine: Engine, state: RunState, path: StepPath, step: Step): Promise<string> => {
  const { action } = step;
  if (action.kind !== 'agent') throw unreadable('the step is none of an agent');
  if (/\$\{[^}\n]*@file\}/.test(action.prompt)) throw unreadable('its prompt names files of its worker');
  const index = parseStepPath(path)?.index;
  return awaitValues(engine, state.tenant, (known) => {
    const fanout = index === undefined ? undefined : state.steps.get(step.id);
    const items = fanout === undefined ? [] : itemsOf(fanout, known);
    if (items === missing) return missing;
    const value = index === undefined ? undefined : items[index];
    const item = index === undefined || value === undefined ? undefined : { index, value: { inline: value } };
    return renderWith({ state, item, lenient: false }, known, (lookup) => renderPlain(action.prompt, lookup));
  });
};

/**
 * Reads a recorded step from its run's log: what its agent was asked, what its tools answered, and what the attempt measured. The playback
 * is stored. Throws `data_corrupt`, `not_found`, `digest_mismatch`, `too_large` for a record that cannot be used, and `unavailable`.
 */
export const readCase = async (
  engine: Engine,
  state: RunState,
  facts: readonly RunFact[],
  path: StepPath,
  step: Step,
  mode: Playback['mode'],
): Promise<RecordedCase> => {
  const { tenant } = state;
  const attempt = readAttempt(facts, path);
  const recorded = valuesOfAttempt(attempt);
  if (recorded === undefined) throw unreadable('no attempt of the step ended by itself');
  const { calls, prompt } = await readTranscript(engine, tenant, attempt.entries);
  const asked = prompt ?? (await renderRecorded(engine, state, path, step));
  const playback: Playback = { format: 1, mode, calls };
  const text = canonicalJson(playback as unknown as JsonValue);
  const actual = utf8Length(text);
  if (actual > maxPlaybackBytes)
    throw new DomainError('too_large', 'the results of its tools are too large to be played back', {
      limit: maxPlaybackBytes,
      actual,
    });
  const bytes = new TextEncoder().encode(text);
  const digest = await engine.deps.blobs.put(tenant, bytes);
  return { prompt: asked, playback: { digest, bytes: bytes.byteLength }, recorded };
};
