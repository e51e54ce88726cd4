import type {
  BodyReader,
  EffectView,
  JsonValue,
  RunFact,
  RunId,
  StepDetail,
  StepPath,
  TenantId,
  ValueRef,
} from '@skein/domain';
import { cloneRunState, DomainError, effectsOf, stepDetailOf } from '@skein/domain';
import type { Page } from '@skein/ports';
import { fetchValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { readLogFacts } from './read-log-facts.ts';

/** Largest page of the effect ledger. */
const maxEffects = 1_000;

/** Bytes of the bodies of one transcript; what does not fit is told by its size. */
const maxBodyBytes = 1024 * 1024;

/** The effect ledger of a run, page by page. Throws `not_found`, `invalid_argument`. */
export const listEffects = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  limit: number,
  cursor?: string,
): Promise<Page<EffectView>> => {
  const from = cursor === undefined ? 0 : Number(cursor);
  if (!Number.isSafeInteger(from) || from < 0)
    throw new DomainError('invalid_argument', 'the cursor is not one of this list');
  const effects = effectsOf(runId, await readLogFacts(engine, tenant, runId));
  const end = from + Math.max(1, Math.min(limit, maxEffects));
  const items = effects.slice(from, end);
  return end < effects.length ? { items, nextCursor: String(end) } : { items };
};

/** Bodies of an agent step that lie in the blob store, in log order. */
const refsOf = (facts: readonly RunFact[], step: StepPath): readonly ValueRef[] =>
  facts.flatMap((fact): readonly ValueRef[] => {
    if (fact.type === 'turn_planned' && fact.step === step) return [fact.entry.delta];
    return fact.type === 'tool_done' && fact.step === step ? [fact.entry.result] : [];
  });

const left = (ref: ValueRef, why: string): JsonValue =>
  'inline' in ref ? ref.inline : { omitted: why, digest: ref.digest, bytes: ref.bytes };

/** Loads the bodies by digest, the first of the log first, as long as they fit. Throws `unavailable`. */
const readBodies = async (
  engine: Engine,
  tenant: TenantId,
  facts: readonly RunFact[],
  step: StepPath,
): Promise<BodyReader> => {
  const bodies = new Map<string, JsonValue>();
  let bytes = 0;
  for (const ref of refsOf(facts, step)) {
    if ('inline' in ref || bodies.has(ref.digest)) continue;
    if (bytes + ref.bytes > maxBodyBytes) {
      bodies.set(ref.digest, left(ref, 'the transcript is too large to be shown whole'));
      continue;
    }
    bytes += ref.bytes;
    try {
      bodies.set(ref.digest, await fetchValue(engine, tenant, ref.digest));
    } catch (thrown) {
      if (isPassing(thrown)) throw thrown;
      bodies.set(ref.digest, left(ref, 'it cannot be read'));
    }
  }
  return (ref) => ('inline' in ref ? ref.inline : bodies.get(ref.digest));
};

/** What the log says of one agent step. Throws `not_found`, `unavailable`. See `Coordinator.describeStep`. */
export const describeStep = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  step: StepPath,
  options: { readonly transcript: boolean },
): Promise<StepDetail> => {
  const state = await engine.runs.read(engine, tenant, runId, cloneRunState);
  const facts = (await readLogFacts(engine, tenant, runId)).slice(0, state.seq);
  if (!options.transcript) return stepDetailOf(state, step, facts);
  return stepDetailOf(state, step, facts, await readBodies(engine, tenant, facts, step));
};
