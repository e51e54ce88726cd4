import type { JsonValue, RecordedResult, TaskResult, TenantId } from '@skein/domain';
import { canonicalJson } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { boundResult, isLarge, spillResult } from './bound-result.ts';
import { sharedRead } from './shared-reads.ts';

/** Facts that are read at once. */
const pageSize = 256;

/** What of a result its fact repeats as it came; how many proposals were taken is the coordinator's own word. */
const payload = (result: RecordedResult | TaskResult): string => {
  const { outcome, exitCode, stdout, outputs, usage, continueOnOutput, durationMs } = result;
  const same = { outcome, exitCode, stdout, outputs, usage, continueOnOutput, durationMs };
  return canonicalJson(JSON.parse(JSON.stringify(same)) as JsonValue);
};

/** A stop that nobody had asked for is recorded as a failure. */
const asRecorded = (result: TaskResult, recorded: RecordedResult): TaskResult =>
  result.outcome.status === 'cancelled' &&
  recorded.outcome.status === 'failed' &&
  recorded.outcome.error.code === 'cancelled'
    ? { ...result, outcome: recorded.outcome }
    : result;

/**
 * Whether a result says the same as the one that the log holds under its token. A worker may send a result again, but not another one.
 * Reads from the page of the lease on, which is where the token points. Throws `unavailable`.
 */
export const isSameResult = async (engine: Engine, tenant: TenantId, result: TaskResult): Promise<boolean> => {
  const { runId, step, token } = result;
  // From the begin of the lease's page: so that others of the same run, told again with this one, ask for the same.
  for (let after = token - (token % pageSize); ; ) {
    const page = `facts ${tenant} ${runId} ${after}`;
    const from = after;
    const facts = await sharedRead(engine, page, () => engine.deps.runs.readFacts(tenant, runId, from, pageSize));
    const fact = facts.find((one) => one.type === 'step_finished' && one.token === token && one.step === step);
    if (fact?.type === 'step_finished') {
      const bounded = boundResult(result);
      const stored = isLarge(bounded) ? await spillResult(engine, tenant, bounded) : bounded;
      return payload(asRecorded(stored, fact.result)) === payload(fact.result);
    }
    if (facts.length === 0) return true;
    after += facts.length;
  }
};
