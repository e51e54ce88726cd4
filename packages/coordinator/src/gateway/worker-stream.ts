import { DomainError, isDomainError, toErrorData } from '@skein/domain';
import type { CoordinatorMessage, JoinCredentials, StreamLink, StreamListener, WorkerMessage } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { buryWorker, detachStream } from '../fleet/end-session.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { Identity } from '../token/token-cache.ts';
import { onWorkerMessage } from './on-worker-message.ts';
import { welcomeWorker } from './welcome-worker.ts';

/*
 * The coordinator's end of one worker stream.
 *  W1 messages wait, bounded, until the credentials are known; the first must be `hello`, which comes once
 *  W2 a message of a stream that its session has left (a reconnect took over) changes nothing
 *  W4 a coordinator that is home to no run takes no worker, so that it looks for the one that is; nor one that has not read its runs yet
 *  W3 no message, however wrong, ends more than its own stream; nothing is thrown into the transport
 */

/** Messages that may wait for the credentials. */
const maxEarly = 10_000;

interface StreamState {
  phase: 'authenticating' | 'expecting_hello' | 'open' | 'closed';
  identity: Identity | undefined;
  session: WorkerSession | undefined;
  early: WorkerMessage[];
}

/** Why no worker can work here now (W4). */
const refusalOf = ({ phase, runs }: Engine): DomainError | undefined => {
  if (phase !== 'running' || runs.unread.size > 0)
    return new DomainError('unavailable', 'the coordinator is not ready');
  if (runs.shards.size > 0) return undefined;
  return new DomainError('unavailable', 'another coordinator is home to the runs');
};

/** Opens a worker's stream. Never throws; a refusal is a message and the end of the stream. */
export const openWorkerStream = (
  engine: Engine,
  credentials: JoinCredentials,
  listener: StreamListener<CoordinatorMessage>,
): StreamLink<WorkerMessage> => {
  const state: StreamState = { phase: 'authenticating', identity: undefined, session: undefined, early: [] };

  /** Ends the transport; what the session loses is settled by whoever calls. */
  const end = (error?: DomainError): void => {
    if (state.phase === 'closed') return;
    state.phase = 'closed';
    state.early = [];
    listener.onClosed(error);
  };
  const outgoing: StreamLink<CoordinatorMessage> = {
    send: (message) => {
      if (state.phase !== 'closed') listener.onMessage(message);
    },
    close: end,
  };
  const refuse = (error: DomainError): void => {
    const { session } = state;
    outgoing.send({ type: 'refused', error: toErrorData(error) });
    end(error);
    if (session?.link === outgoing) detachStream(engine, session);
  };

  const receive = (message: WorkerMessage): void => {
    if (state.phase === 'expecting_hello') {
      if (message.type !== 'hello' || state.identity === undefined) {
        refuse(new DomainError('invalid_argument', 'the first message of a stream must be hello'));
        return;
      }
      const refusal = refusalOf(engine);
      if (refusal !== undefined) {
        refuse(refusal);
        return;
      }
      const welcomed = welcomeWorker(engine, state.identity, message, outgoing);
      if (!welcomed.ok) {
        refuse(welcomed.error);
        return;
      }
      state.phase = 'open';
      state.session = welcomed.value;
      return;
    }
    const { session } = state;
    if (session === undefined || session.link !== outgoing) return; // W2
    if (message.type === 'hello') {
      refuse(new DomainError('invalid_argument', 'hello comes once per stream'));
      return;
    }
    onWorkerMessage(engine, session, message);
    if (message.type === 'goodbye') {
      buryWorker(engine, session, 'drained');
      end();
    }
  };

  /** W3 */
  const receiveSafely = (message: WorkerMessage): void => {
    if (state.phase === 'closed') return;
    try {
      receive(message);
    } catch (thrown) {
      engine.deps.meter.count(metric.badMessages);
      engine.deps.log.error('message of a worker could not be handled', { type: message.type, error: thrown });
      refuse(isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error', undefined, thrown));
    }
  };

  const admit = (identity: Identity): void => {
    if (state.phase !== 'authenticating') return;
    state.identity = identity;
    state.phase = 'expecting_hello';
    const early = state.early;
    state.early = [];
    for (const message of early) receiveSafely(message);
  };

  const authenticate = async (): Promise<void> => {
    try {
      admit(await engine.tokens.authenticate(credentials.token, 'join'));
    } catch (thrown) {
      refuse(
        isDomainError(thrown)
          ? thrown
          : new DomainError('unavailable', 'the credentials cannot be checked now', undefined, thrown),
      );
    }
  };

  const refusal = refusalOf(engine);
  if (refusal !== undefined) {
    refuse(refusal);
  } else {
    try {
      const identity = engine.tokens.authenticateNow(credentials.token, 'join');
      if (identity === undefined) void authenticate();
      else admit(identity);
    } catch (thrown) {
      refuse(isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error', undefined, thrown));
    }
  }

  return {
    send: (message) => {
      if (state.phase === 'authenticating') {
        if (state.early.length >= maxEarly)
          refuse(new DomainError('resource_exhausted', 'too many messages before the welcome'));
        else state.early.push(message);
        return;
      }
      receiveSafely(message);
    },
    close: (error) => {
      const { session } = state;
      end(error);
      if (session?.link === outgoing) detachStream(engine, session);
    },
  };
};
