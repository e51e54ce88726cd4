import type { HandlerName } from '@skein/domain';
import { record } from '../shape/record.ts';
import type { Shape } from '../shape/shape.ts';
import { type RawStep, readStep, stepOrCommandSchema } from './steps-shape.ts';

/** The handlers that a file may give, in the order in which they could run. */
export const handlerNames = ['init', 'success', 'failure', 'abort', 'exit'] as const satisfies readonly HandlerName[];

const stepShape: Shape<RawStep> = {
  expected: 'a map with the fields of a step, or a command',
  schema: stepOrCommandSchema,
  read: readStep,
};

/** `handler_on`: at most one step each. */
export const handlersShape = record({
  noun: 'handler_on',
  fields: {
    init: { shape: stepShape, about: 'Runs before all steps; they run only if it succeeds.' },
    success: { shape: stepShape, about: 'Runs after a run that succeeded.' },
    failure: { shape: stepShape, about: 'Runs after a run that failed.' },
    abort: { shape: stepShape, about: 'Runs after a run that was cancelled.', aliases: ['cancel'] },
    exit: { shape: stepShape, about: 'Runs last, however the run ended.' },
  },
  later: ['wait'],
});
