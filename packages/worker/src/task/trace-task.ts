import { formatTraceparent, parseTraceparent, type TaskOffer, type TaskResult } from '@skein/domain';
import { spanAttribute as name, type Tracer } from '@skein/ports';

/** Runs a task within a span of its own, below that of its lease: what the task does is below it. */
export const traceTask = async (
  tracer: Tracer | undefined,
  offer: TaskOffer,
  run: (offer: TaskOffer) => Promise<TaskResult>,
): Promise<TaskResult> => {
  if (tracer === undefined || !tracer.isOn) return run(offer);
  const parent = parseTraceparent(offer.traceparent);
  // Nobody traces the run.
  if (parent === undefined) return run(offer);
  const span = tracer.begin(`execute ${offer.step}`, {
    parent,
    attributes: {
      [name.runId]: offer.runId,
      [name.dag]: offer.dagName,
      [name.step]: offer.step,
      [name.stepKind]: offer.definition.action.kind,
      [name.attempt]: offer.attempt,
    },
  });
  let error: string | undefined = 'internal';
  try {
    const result = await run({ ...offer, traceparent: formatTraceparent(span.context) });
    const { outcome } = result;
    error = outcome.status === 'failed' ? outcome.error.code : undefined;
    span.set({ [name.status]: outcome.status });
    return result;
  } finally {
    span.end(error);
  }
};
