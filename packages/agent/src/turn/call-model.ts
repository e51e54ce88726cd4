import { isDomainError } from '@skein/domain';
import type { Clock, Model, Random, Turn, TurnRequest } from '@skein/ports';
import { type AgentSpans, traceTurn } from './agent-spans.ts';
import type { StepLog } from './step-log.ts';
import { untilAborted } from './until-aborted.ts';

/** What calling a model needs. */
export interface ModelCaller {
  readonly model: Model;
  readonly clock: Clock;
  readonly random?: Random;
  readonly stepLog: StepLog;
  /** Milliseconds of wall time that the step has left. */
  readonly leftMs: () => number;
  /** Present exactly when turns are traced. */
  readonly spans?: AgentSpans;
}

/** Provider failures that one attempt of a step gets over on its own. */
const maxProviderRetries = 2;

/**
 * Turns of one attempt, with at most two retries over all of them: only `unavailable` and `resource_exhausted`, after the
 * provider's own hint when there is one. Ends at the abort even if the model ignores the signal.
 */
export const createModelCaller = (
  caller: ModelCaller,
): ((request: TurnRequest, signal: AbortSignal) => Promise<Turn>) => {
  let retries = 0;
  const call = async (request: TurnRequest, signal: AbortSignal): Promise<Turn> => {
    try {
      signal.throwIfAborted();
      const onText = (text: string) => {
        if (!signal.aborted) caller.stepLog.text(text);
      };
      return await traceTurn(caller.spans, request, () =>
        untilAborted(caller.model.turn(request, onText, signal), signal),
      );
    } catch (thrown) {
      const waitMs = signal.aborted || retries >= maxProviderRetries ? undefined : retryDelay(thrown, retries, caller);
      if (waitMs === undefined || waitMs >= caller.leftMs()) throw thrown;
      retries += 1;
      caller.stepLog.note(`the model failed (${(thrown as Error).message}); again in ${waitMs} ms`);
      await caller.clock.sleep(waitMs, signal);
      return await call(request, signal);
    } finally {
      caller.stepLog.endText();
    }
  };
  return call;
};

const firstDelayMs = 500;

const retryDelay = (thrown: unknown, retries: number, caller: ModelCaller): number | undefined => {
  if (!isDomainError(thrown)) return undefined;
  if (thrown.code !== 'unavailable' && thrown.code !== 'resource_exhausted') return undefined;
  const hint = (thrown.details as { retryAfterMs?: unknown } | undefined)?.retryAfterMs;
  if (typeof hint === 'number' && Number.isFinite(hint) && hint >= 0) return Math.ceil(hint);
  // Without a hint: doubling, with up to half of it added so that parallel items do not come back together.
  return Math.round(firstDelayMs * 2 ** retries * (1 + (caller.random?.next() ?? 0) / 2));
};
