import type { Digest, JsonValue, Step, StepPath, ValueRef } from '@skein/domain';
import { DomainError, findTarget, parseStepPath, versionsOfStep } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { RunActor } from '../run/run-actor.ts';
import { boundInputs } from './bound-inputs.ts';
import { feedbackEnv } from './feedback-inputs.ts';
import type { KnownValues } from './known-values.ts';
import { itemsOf, missing, referTo } from './known-values.ts';
import { offeredDefinition } from './offered-definition.ts';
import type { Prepared } from './preparation.ts';
import { prepare } from './preparation.ts';
import type { CurrentItem } from './resolve-references.ts';
import { needsOf, resolveItems, resolveReferences } from './resolve-references.ts';
import type { StoredResume, WantedResume } from './resume-point.ts';
import { resumeKey } from './resume-point.ts';

/** Inputs of a task as they travel in its offer. */
export interface PreparedInputs {
  readonly refs: { readonly [expression: string]: ValueRef };
  readonly upstreamEnv: { readonly [name: string]: ValueRef };
  readonly item?: CurrentItem;
  /** For an agent that goes on from durable points of an earlier attempt. */
  readonly resume?: StoredResume;
}

const noInputs: Prepared<PreparedInputs> = { status: 'ready', value: { refs: {}, upstreamEnv: {} } };

const itemOf = (actor: RunActor, path: StepPath, known: KnownValues): CurrentItem | undefined | typeof missing => {
  const parsed = parseStepPath(path);
  if (parsed?.index === undefined) return undefined;
  const step = actor.state.steps.get(parsed.stepId);
  const items = step === undefined ? [] : itemsOf(step, known);
  if (items === missing) return missing;
  const item = items[parsed.index];
  if (item === undefined) throw new DomainError('internal', `the fan-out has no item ${parsed.index}`);
  const value = referTo('item', item, known);
  return value === missing ? missing : { index: parsed.index, value };
};

/** The snapshot that an agent step needs and that is not in memory, as after a restart: with it the bytes can travel in the offer. */
const missingSnapshot = (engine: Engine, actor: RunActor, path: StepPath, step: Step): Digest | undefined => {
  const digest = step.action.kind === 'agent' ? versionsOfStep(actor.state, path).snapshotDigest : undefined;
  return digest === undefined || engine.sealed.find(digest) !== undefined ? undefined : digest;
};

/** The durable points that the next attempt goes on from; undefined when it begins at turn 0. */
const resumeOf = (actor: RunActor, path: StepPath, step: Step): WantedResume | undefined => {
  if (step.action.kind !== 'agent') return undefined;
  const seqs = findTarget(actor.state, path)?.target.progress?.seqs ?? [];
  return seqs.length === 0 ? undefined : { step: path, seqs: [...seqs] };
};

/**
 * Resolves all inputs of a ready task. A failure is the step's: a reference that names nothing, a definition that no frame can hold,
 * a snapshot that is gone.
 */
export const prepareTask = (engine: Engine, actor: RunActor, path: StepPath, step: Step): Prepared<PreparedInputs> => {
  const needs = needsOf(actor.state.graph, step);
  const lacking = missingSnapshot(engine, actor, path, step);
  const resume = resumeOf(actor, path, step);
  const needsNothing = step.foreach === undefined && needs.references.length === 0 && needs.upstream.length === 0;
  const plain = needsNothing && actor.state.feedback === undefined;
  if (plain && lacking === undefined && resume === undefined && offeredDefinition(step).tooLarge === undefined)
    return noInputs;
  return prepare(engine, actor, path, (values, wanted, preparation) => {
    const { tooLarge } = offeredDefinition(step);
    if (tooLarge !== undefined) throw tooLarge;
    if (lacking !== undefined && preparation?.sealed !== true) wanted.snapshot = lacking;
    const item = itemOf(actor, path, values);
    if (item === missing) return missing;
    const found = resolveReferences(actor.state, step, item, values);
    if (found === missing) return missing;
    const resolved = { ...found, upstreamEnv: { ...found.upstreamEnv, ...feedbackEnv(actor.state, step) } };
    const inputs = boundInputs(item === undefined ? resolved : { ...resolved, item }, values);
    if (resume === undefined) return wanted.snapshot === undefined ? inputs : missing;
    // Made anew whenever more was recorded since.
    const known = preparation?.resume;
    if (known?.key !== resumeKey(resume)) wanted.resume = resume;
    if (inputs === missing || wanted.snapshot !== undefined || wanted.resume !== undefined || known === undefined)
      return missing;
    return { ...inputs, resume: known.stored };
  });
};

/** Resolves the list of a fan-out. */
export const prepareItems = (
  engine: Engine,
  actor: RunActor,
  step: Step,
): Prepared<{ readonly items: readonly JsonValue[]; readonly ref: ValueRef }> =>
  prepare(engine, actor, step.id, (known) => resolveItems(actor.state, step, known));
