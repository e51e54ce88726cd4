import { markStarted } from '@skein/domain';
import type { WorkerMessage } from '@skein/ports';
import { noteMessages } from '../delivery/deliver-messages.ts';
import { countFenced } from '../delivery/fenced-writes.ts';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { judgeSuspected } from '../fleet/lose-task.ts';
import { moveHeldTask } from '../fleet/move-held-task.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import { auditFenced } from './audit-worker.ts';
import { collectCheckpoint } from './collect-checkpoint.ts';
import { collectResult } from './collect-result.ts';

/** Handles one message of a welcomed worker. Synchronous: what must be durable is answered later. */
export const onWorkerMessage = (
  engine: Engine,
  session: WorkerSession,
  message: Exclude<WorkerMessage, { readonly type: 'hello' }>,
): void => {
  if (engine.peers.isActive && session.via === undefined && engine.peers.passOn(session, message)) return;
  switch (message.type) {
    case 'credits':
      session.credits = Math.max(0, Math.min(message.free, session.slots));
      session.offersSeen = Math.min(message.offersSeen, session.offersSent);
      engine.fleet.refresh(session);
      engine.dispatcher.pump();
      break;
    case 'received': {
      const held = engine.fleet.held(session, message.task);
      if (held !== undefined && moveHeldTask(engine, held, 'received')) held.received = true;
      break;
    }
    case 'started': {
      const held = engine.fleet.held(session, message.task);
      if (held === undefined) auditFenced(engine, session, 'started', message.task);
      if (held === undefined || !moveHeldTask(engine, held, 'started')) break;
      held.received = true;
      held.started = 'yes';
      held.progressAt = engine.deps.clock.monotonicMs();
      session.refusals = 0;
      const actor = engine.runs.find(message.task.runId);
      if (actor !== undefined) markStarted(actor.state, message.task.step, message.task.token, engine.deps.clock.now());
      break;
    }
    case 'log': {
      // D3: only the holder of the lease writes.
      const held = engine.fleet.held(session, message.task);
      if (held === undefined) {
        engine.deps.meter.count(metric.logsRefused);
        countFenced(engine, 'log');
        auditFenced(engine, session, 'log', message.task);
        break;
      }
      held.progressAt = engine.deps.clock.monotonicMs();
      const { runId, step, attempt } = held.ref;
      engine.deps.logs.append({ tenant: held.tenant, runId, step, attempt }, message.bytes);
      break;
    }
    case 'result':
      collectResult(engine, session, message.result);
      break;
    case 'checkpoint':
      collectCheckpoint(engine, session, message);
      break;
    case 'messages_received':
    case 'messages_presented':
      if (engine.fleet.held(session, message.task) === undefined)
        auditFenced(engine, session, message.type, message.task);
      noteMessages(engine, session, message);
      break;
    case 'heartbeat':
      session.lastHeardAt = engine.deps.clock.monotonicMs();
      session.send({ type: 'heartbeat_answer', sentAtMs: message.sentAtMs });
      if (session.silent) {
        session.silent = false;
        judgeSuspected(engine, session, false);
        engine.fleet.refresh(session);
        engine.peers.announce(session, false);
        engine.dispatcher.pump();
      }
      break;
    case 'evicted':
      for (const digest of message.digests) {
        session.holdings.delete(digest);
        session.partsSent.delete(digest);
      }
      break;
    case 'draining':
      session.draining = true;
      engine.fleet.refresh(session);
      engine.fleet.connectionsChanged();
      engine.peers.announce(session, false);
      break;
    case 'goodbye':
      break;
  }
};
