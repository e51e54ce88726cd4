import type { CoordinatorKind, Step, StepKind } from '@skein/domain';
import { bad, integerField, isRecord, jsonField } from './fields.ts';
import { count, flag, list, maybe, object, oneOf, type Shape, text, textsByName } from './shape.ts';

/**
 * Step definitions on the wire. The same few steps are offered again and again, so each stream numbers them:
 * the text travels with the first offer, the receiver keeps the checked step. Both forget in step, because a stream keeps its order.
 */

/** Steps that a stream remembers; the oldest goes first. */
const slotCount = 256;

const actionShapes: { readonly [kind in StepKind]: Shape } = {
  shell: object({ commands: list(text) }),
  script: object({ script: text }),
  exec: object({ argv: list(text) }),
  noop: object({}),
  http: object({
    method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'),
    url: text,
    headers: textsByName,
    expect: maybe(list(count)),
    timeoutMs: maybe(count),
  }),
  agent: object({
    agent: text,
    version: maybe(text),
    prompt: text,
    outputSchema: maybe(isRecord),
    limits: object({
      maxTurns: maybe(count),
      maxTokens: maybe(count),
      maxToolCalls: maybe(count),
      maxOutputBytes: maybe(count),
      timeoutMs: maybe(count),
    }),
    memory: object({ read: flag, propose: flag }),
  }),
  call: object({ dag: text, choices: maybe(list(text)), params: maybe(isRecord) }),
  wait: object({ durationMs: maybe(count), until: maybe(text), message: maybe((value) => value === true) }),
  approval: object({ prompt: text, input: list(isRecord), rewind: maybe(text) }),
};

/** The kinds of step that this build knows. */
export const stepKinds: ReadonlySet<StepKind> = new Set(Object.keys(actionShapes) as StepKind[]);

const coordinatorKinds: { readonly [kind in CoordinatorKind]: true } = { call: true, wait: true, approval: true };

/** True for kinds that the coordinator carries out by itself: they are never offered. */
export const isCoordinatorKind = (kind: string): boolean => Object.hasOwn(coordinatorKinds, kind);

const stepShape = object({
  id: text,
  name: maybe(text),
  description: maybe(text),
  depends: list(text),
  action: (value) =>
    isRecord(value) &&
    !isCoordinatorKind(value['kind'] as string) &&
    stepKinds.has(value['kind'] as StepKind) &&
    actionShapes[value['kind'] as StepKind](value),
  shell: maybe(list(text)),
  workingDir: maybe(text),
  env: list(object({ name: text, value: text })),
  output: maybe(text),
  outputs: list(object({ name: text, type: text, description: maybe(text) })),
  preconditions: list(object({ condition: text, expected: maybe(text), negate: flag })),
  continueOn: object({ failure: flag, skipped: flag, exitCodes: list(count), output: list(text), markSuccess: flag }),
  retryPolicy: maybe(object({ limit: count, intervalMs: count, backoff: count, exitCodes: list(count) })),
  timeoutMs: maybe(count),
  workerSelector: textsByName,
  onWorkerLoss: (value) => value === 'retry' || value === 'fail',
  repeatSafe: flag,
  noProgressTimeoutMs: maybe(count),
  foreach: maybe(object({ items: (value) => text(value) || Array.isArray(value), maxConcurrent: count })),
  secrets: maybe(list(object({ env: text, secret: text }))),
});

/** A step as an offer names it. `text` is present when the receiver does not have it. */
export interface StepSlot {
  readonly slot: number;
  readonly text?: string;
}

/** The sending side of the steps of one stream. */
export interface StepEncoder {
  readonly slotOf: (step: Step) => StepSlot;
  /** The message that named this step did not leave: the receiver may not have its text. */
  readonly unsent: (step: Step) => void;
}

/** A step that was sent before costs a number; the oldest slot is filled anew. */
export const createStepEncoder = (): StepEncoder => {
  const texts = new WeakMap<Step, string>();
  const slots = new Map<string, number>();
  const filled: (string | undefined)[] = [];
  let next = 0;
  const slotOf = (step: Step): StepSlot => {
    let text = texts.get(step);
    if (text === undefined) {
      text = JSON.stringify(step);
      texts.set(step, text);
    }
    const known = slots.get(text);
    if (known !== undefined) return { slot: known };
    const slot = next;
    next = (next + 1) % slotCount;
    const replaced = filled[slot];
    if (replaced !== undefined) slots.delete(replaced);
    filled[slot] = text;
    slots.set(text, slot);
    return { slot, text };
  };
  const unsent = (step: Step): void => {
    const text = texts.get(step) ?? '';
    const slot = slots.get(text);
    slots.delete(text);
    if (slot !== undefined) filled[slot] = undefined;
  };
  return { slotOf, unsent };
};

/** The receiving side of one stream: steps checked, frozen and kept by slot. Throws `invalid_argument`. */
export const createStepDecoder = (): ((slot: unknown, text: unknown) => Step) => {
  const steps: Step[] = [];
  return (slot, text) => {
    const index = integerField(slot, 'offer.definition_slot');
    if (index >= slotCount) throw bad('offer.definition_slot', `below ${slotCount}`);
    if (text === undefined) {
      const known = steps[index];
      if (known === undefined) throw bad('offer.definition_json', 'present for a slot that is empty');
      return known;
    }
    const parsed = jsonField(text, 'offer.definition_json');
    if (!stepShape(parsed)) throw bad('offer.definition_json', 'a step');
    const step = freeze(parsed) as unknown as Step;
    steps[index] = step;
    return step;
  };
};

const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
};
