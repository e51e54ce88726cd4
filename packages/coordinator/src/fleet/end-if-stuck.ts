import type { Engine } from '../engine/engine.ts';
import { postCommand } from '../run/run-turn.ts';
import { definitionOf } from './lose-task.ts';
import type { HeldTask, WorkerSession } from './worker-session.ts';

/** How long the attempt of an agent may show no progress when its step says nothing, in ms. */
const agentNoProgressMs = 15 * 60_000;

/** No step can ask for less. */
const shortestNoProgressMs = 1_000;

/**
 * An attempt that shows no progress for too long holds its lease no more: it failed, whatever its worker is at. Nobody is judged while
 * nothing can be heard of it, or recorded for it.
 */
export const endIfStuck = (engine: Engine, session: WorkerSession, held: HeldTask, now: number): void => {
  if (held.started !== 'yes') return;
  if (session.link === undefined || session.silent || engine.store.reason !== undefined) {
    held.progressAt = now;
    return;
  }
  const idleMs = now - held.progressAt;
  if (idleMs < shortestNoProgressMs) return;
  const actor = engine.runs.find(held.ref.runId);
  const definition = definitionOf(engine, held);
  if (actor === undefined || definition === undefined) return;
  const limitMs =
    definition.noProgressTimeoutMs ?? (definition.action.kind === 'agent' ? agentNoProgressMs : undefined) ?? 0;
  if (limitMs === 0 || idleMs < limitMs) return;
  const { runId, step, attempt, token } = held.ref;
  const workerId = session.workerId;
  engine.deps.log.warn('attempt without progress is ended', { runId, stepId: step, fencingToken: token, workerId });
  session.tasks.delete(held.key);
  const message = `the attempt showed no progress for ${Math.round(limitMs / 1_000)} s`;
  const error = { code: 'deadline_exceeded', message, details: { reason: 'no_progress', limitMs } } as const;
  const result = {
    ...held.ref,
    outcome: { status: 'failed', error },
    outputs: {},
    durationMs: now - held.offeredAt,
  } as const;
  session.send({ type: 'revoke', task: { runId, step, attempt, token } });
  postCommand(engine, actor, { command: { type: 'finish', workerId, result } });
};
