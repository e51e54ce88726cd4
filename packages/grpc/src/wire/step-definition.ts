import type { Step, StepKind } from '@skein/domain';
import { bad, isRecord, jsonField } from './fields.ts';

/**
 * Step definitions on the wire. The same few steps are offered again and again, so both ends remember what they made of one:
 * the sender the text of a step object, the receiver the frozen step of a text.
 */

/** Steps that a receiver remembers; the oldest goes first. */
const rememberedSteps = 256;

type Shape = (value: unknown) => boolean;
const text: Shape = (value) => typeof value === 'string';
const flag: Shape = (value) => typeof value === 'boolean';
const count: Shape = (value) => typeof value === 'number' && Number.isFinite(value);
const list =
  (item: Shape): Shape =>
  (value) =>
    Array.isArray(value) && value.every(item);
const maybe =
  (shape: Shape): Shape =>
  (value) =>
    value === undefined || shape(value);
const object =
  (fields: { readonly [name: string]: Shape }): Shape =>
  (value) =>
    isRecord(value) && Object.entries(fields).every(([name, shape]) => shape(value[name]));
const textsByName: Shape = (value) => isRecord(value) && Object.values(value).every(text);

const actionShapes: { readonly [kind in StepKind]: Shape } = {
  shell: object({ commands: list(text) }),
  script: object({ script: text }),
  exec: object({ argv: list(text) }),
  noop: object({}),
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
  call: object({ dag: text, choices: maybe(list(text)) }),
};

/** The kinds of step that this build knows. */
export const stepKinds: ReadonlySet<StepKind> = new Set(Object.keys(actionShapes) as StepKind[]);

const stepShape = object({
  id: text,
  name: maybe(text),
  description: maybe(text),
  depends: list(text),
  action: (value) =>
    isRecord(value) && stepKinds.has(value['kind'] as StepKind) && actionShapes[value['kind'] as StepKind](value),
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
  foreach: maybe(object({ items: (value) => text(value) || Array.isArray(value), maxConcurrent: count })),
});

/** Texts of steps, remembered by object; a step is immutable. */
export const createStepEncoder = (): ((step: Step) => string) => {
  const texts = new WeakMap<Step, string>();
  return (step) => {
    let known = texts.get(step);
    if (known === undefined) {
      known = JSON.stringify(step);
      texts.set(step, known);
    }
    return known;
  };
};

/** Steps of texts, checked, frozen and remembered by text. Throws `invalid_argument`. */
export const createStepDecoder = (): ((json: unknown, field: string) => Step) => {
  const steps = new Map<string, Step>();
  return (json, field) => {
    const known = typeof json === 'string' ? steps.get(json) : undefined;
    if (known !== undefined) return known;
    const parsed = jsonField(json, field);
    if (!stepShape(parsed)) throw bad(field, 'a step');
    const step = freeze(parsed) as unknown as Step;
    if (steps.size >= rememberedSteps) {
      for (const oldest of steps.keys()) {
        steps.delete(oldest);
        break;
      }
    }
    steps.set(json as string, step);
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
