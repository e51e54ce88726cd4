import type { RunId, RunView, TenantId } from '@skein/domain';
import { DomainError, utf8Length } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { viewOfRun } from '../query/view-of-run.ts';
import { askRun } from '../run/run-turn.ts';

/** Commands of people that may wait in one run's mailbox. */
const maxWaiting = 1_000;

/** Name and message of who cancels; they are part of a fact. */
const maxMessageBytes = 8 * 1024;

/** Tries while the run is being read again. */
const maxTries = 5;

/** Asks a run to stop. Durable when it resolves. See `Coordinator.cancelRun`. */
export const cancelRun = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  by: string,
  message?: string,
): Promise<RunView> => {
  const actual = utf8Length(by) + utf8Length(message ?? '');
  if (actual > maxMessageBytes)
    throw new DomainError('too_large', 'the message of a cancellation is too large', {
      limit: maxMessageBytes,
      actual,
    });
  engine.store.requireOpen();
  for (let tries = 1; ; tries += 1) {
    const actor = await engine.runs.open(engine, tenant, runId);
    if (actor.mailbox.length >= maxWaiting) {
      throw new DomainError('resource_exhausted', 'the run has too many open commands', { retryAfterMs: 1_000 });
    }
    const base = { type: 'cancel', by, reason: 'requested' } as const;
    const settlement = await askRun(engine, actor, message === undefined ? base : { ...base, message });
    if (settlement.status === 'recorded') return viewOfRun(engine, tenant, runId);
    if (settlement.status === 'refused') throw settlement.error;
    if (settlement.status === 'failed' && (settlement.error.code !== 'unavailable' || tries >= maxTries))
      throw settlement.error;
    await engine.deps.clock.sleep(50);
  }
};
