import type { RunCommand, RunId, RunView, TenantId } from '@skein/domain';
import { DomainError, utf8Length } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { viewOfRun } from '../query/view-of-run.ts';
import { askRun } from '../run/run-turn.ts';

/** Commands of people that may wait in one run's mailbox. */
const maxWaiting = 1_000;

/** Tries while the run is being read again, and the wait between them in ms. */
const maxTries = 5;
const waitMs = 50;

/** Texts of people, as JSON in bytes of UTF-8: they become part of a fact. */
export const maxWordBytes = 24 * 1024;

/** Throws `too_large` for words that no fact should hold. */
export const boundWords = (what: string, words: unknown): void => {
  const actual = utf8Length(JSON.stringify(words));
  if (actual > maxWordBytes)
    throw new DomainError('too_large', `${what} is too large`, { limit: maxWordBytes, actual });
};

/** Posts a person's word to a run. Durable when it resolves; throws what the run refuses, and `unavailable`. */
export const askApproval = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  command: Extract<RunCommand, { readonly type: 'answer' | 'push_back' }>,
): Promise<RunView> => {
  for (let tries = 1; ; tries += 1) {
    const actor = await engine.runs.open(engine, tenant, runId);
    if (actor.mailbox.length >= maxWaiting) {
      throw new DomainError('resource_exhausted', 'the run has too many open commands', { retryAfterMs: 1_000 });
    }
    const settlement = await askRun(engine, actor, command);
    if (settlement.status === 'recorded') return viewOfRun(engine, tenant, runId);
    if (settlement.status === 'refused') throw settlement.error;
    if (settlement.status === 'failed' && (settlement.error.code !== 'unavailable' || tries >= maxTries))
      throw settlement.error;
    await engine.deps.clock.sleep(waitMs);
  }
};
