import { type Dag, handlerStepId } from '@skein/domain';
import { buildStepAt, type StepContext } from './build-step.ts';
import { handlerNames } from './handler-fields.ts';
import type { RawStep } from './steps-shape.ts';

/** Fields that only make sense for a step of the graph. */
const notForHandlers = {
  id: 'no id: the name of the handler',
  depends: 'no depends: a handler runs when its time comes',
} as const;

/** The handlers of a DAG, each as a step with the id `@` and its name; undefined without any. */
export const buildHandlers = (context: StepContext): Dag['handlers'] => {
  const given = context.dag.values.handler_on;
  if (given === undefined) return undefined;
  const handlers = handlerNames.flatMap((name) => {
    const raw = given.values[name];
    if (raw === undefined) return [];
    refuseFields(raw, context);
    const id = handlerStepId(name);
    const label = raw.values.name;
    const named = label === undefined ? { id } : { id, name: label };
    return [[name, buildStepAt(raw, { path: ['handlers', name], named, depends: [] }, context)] as const];
  });
  return handlers.length === 0 ? undefined : Object.fromEntries(handlers);
};

const refuseFields = (raw: RawStep, { source }: StepContext): void => {
  for (const [field, expected] of Object.entries(notForHandlers)) {
    const name = field as keyof typeof notForHandlers;
    if (raw.nodes[name] === undefined) continue;
    source.report(raw.keys[name] ?? raw.node, { message: `${field} is not for a handler`, expected });
  }
};
