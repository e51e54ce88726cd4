import { DomainError, defaultTenant, isDomainError, toErrorData } from '@skein/domain';
import type { CoordinatorMessage, JoinCredentials, StreamLink, StreamListener, WorkerMessage } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { buryWorker, detachStream } from '../fleet/end-session.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { Identity } from '../token/token-cache.ts';
import { auditWorker } from './audit-worker.ts';
import { countJoin, judgeJoin, mustCount } from './judge-join.ts';
import { onWorkerMessage } from './on-worker-message.ts';
import { checkHello, newSessionId, welcomeWorker } from './welcome-worker.ts';

/*
 * The coordinator's end of one worker stream.
 *  W1 messages wait, bounded in number and bytes, until the credentials are known and the worker is let in; the first must be `hello`, which
 *     comes once
 *  W7 whether the token still lets in is asked when hello comes: the stream may have been opened long before
 *  W2 a message of a stream that its session has left (a reconnect took over) changes nothing
 *  W4 without a fleet, a coordinator that is home to no run takes no worker, so that it looks for the one that is; nor one that has not read its runs yet
 *  W6 a coordinator of a fleet that could not renew its lease takes no worker before it has: others may be home to its runs, and know more
 *  W5 in a fleet the worker's place is claimed before it is welcomed: of two streams the one with the higher epoch is the newer
 *  W3 no message, however wrong, ends more than its own stream; nothing is thrown into the transport
 */

/** Messages that may wait for the credentials, and their bytes: whoever sends them is not known yet. A worker sends one, its hello. */
const maxEarly = 10_000;
const maxEarlyBytes = 4 * 1024 * 1024;

/** What a message that waits holds, about. */
const weightOf = (message: WorkerMessage): number =>
  message.type === 'log' ? message.bytes.byteLength : JSON.stringify(message).length;

/** Longest timer, ms. */
const maxTimerMs = 86_400_000;

interface StreamState {
  phase: 'authenticating' | 'expecting_hello' | 'joining' | 'open' | 'closed';
  identity: Identity | undefined;
  session: WorkerSession | undefined;
  early: WorkerMessage[];
  earlyBytes: number;
}

type Hello = Extract<WorkerMessage, { readonly type: 'hello' }>;

/** Of the stream among all that the worker opened. */
interface Place {
  readonly sessionId: string;
  readonly epoch: number;
}

/** Other coordinators may hold the worker's next stream, or held its last. */
const hasPlaces = ({ members, deps }: Engine): boolean => members.isFleet && deps.places !== undefined;

const claimPlace = async (engine: Engine, { tenant }: Identity, hello: Hello, sessionId: string): Promise<number> => {
  const { places } = engine.deps;
  const { workerId } = hello.worker;
  return (await places?.claim(tenant, workerId, engine.config.coordinatorId, sessionId))?.epoch ?? 0;
};

/** Somebody showed a token that lets nobody in. */
const auditUnknown = (engine: Engine, thrown: unknown): void => {
  if (!isDomainError(thrown) || thrown.code !== 'unauthenticated') return;
  auditWorker(engine, { tenant: defaultTenant, workerId: 'unknown' }, 'join', thrown.code);
};

/** The worker is gone before it was welcomed. */
const leavePlace = (engine: Engine, { tenant }: Identity, { worker }: Hello, epoch: number): void => {
  const { places, log } = engine.deps;
  places
    ?.release(tenant, worker.workerId, epoch)
    .catch((error: unknown) => log.debug('a place was not given up', { workerId: worker.workerId, error }));
};

/** Messages of the worker have to wait (W1). */
const isWaiting = ({ phase }: StreamState): boolean => phase === 'authenticating' || phase === 'joining';

/** Why no worker can work here now (W4, W6). */
const refusalOf = ({ phase, runs, members, deps }: Engine): DomainError | undefined => {
  // Of a fleet any coordinator may hold a worker's stream, whoever is home to its tasks.
  if (members.isFleet) {
    if (phase !== 'running' || members.isLeaving) return new DomainError('unavailable', 'the coordinator is not ready');
    return deps.clock.monotonicMs() < runs.homeUntil
      ? undefined
      : new DomainError('unavailable', 'the coordinator does not know now which runs are its own');
  }
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
  const state: StreamState = {
    phase: 'authenticating',
    identity: undefined,
    session: undefined,
    early: [],
    earlyBytes: 0,
  };
  let cancelExpiry: () => void = () => undefined;

  /** Ends the transport; what the session loses is settled by whoever calls. */
  const end = (error?: DomainError): void => {
    if (state.phase === 'closed') return;
    state.phase = 'closed';
    state.early = [];
    cancelExpiry();
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

  const welcome = (identity: Identity, hello: Hello, place: Place): void => {
    const refusal = refusalOf(engine);
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    const judged = judgeJoin(engine, identity, credentials.certificate, hello);
    const welcomed = judged.ok
      ? welcomeWorker(engine, identity, { ...hello, worker: judged.value }, outgoing, place)
      : judged;
    if (!welcomed.ok) {
      refuse(welcomed.error);
      return;
    }
    state.phase = 'open';
    state.session = welcomed.value;
    endAtExpiry(identity);
  };

  /** W7. False also when the store has to be asked. */
  const isStillGood = (): boolean => {
    try {
      return engine.tokens.authenticateNow(credentials.token, 'join') !== undefined;
    } catch {
      return false;
    }
  };

  const onHello = (identity: Identity, hello: Hello): void => {
    const sessionId = newSessionId(engine, hello);
    const isCounted = mustCount(engine, identity, hello);
    if (isCounted || hasPlaces(engine) || !isStillGood())
      void prepareThenWelcome(identity, hello, sessionId, isCounted);
    else welcome(identity, hello, { sessionId, epoch: 0 });
  };

  /** Judged before it is counted and has a place, so that a join that is refused changes nothing; and after, because time has passed. */
  const prepareThenWelcome = async (
    identity: Identity,
    hello: Hello,
    sessionId: string,
    isCounted: boolean,
  ): Promise<void> => {
    try {
      const judged = judgeJoin(engine, identity, credentials.certificate, hello);
      const refusal = refusalOf(engine) ?? (judged.ok ? checkHello(engine, identity, hello) : judged.error);
      if (refusal !== undefined) throw refusal;
      state.phase = 'joining';
      if (isCounted) await countJoin(engine, identity, hello);
      const epoch = hasPlaces(engine) ? await claimPlace(engine, identity, hello, sessionId) : 0;
      // It may have been revoked meanwhile.
      const still = await engine.tokens.authenticate(credentials.token, 'join');
      if (state.phase !== 'joining') {
        if (epoch > 0) leavePlace(engine, identity, hello, epoch);
        return;
      }
      welcome(still, hello, { sessionId, epoch });
      takeEarly();
    } catch (thrown) {
      refuse(
        isDomainError(thrown)
          ? thrown
          : new DomainError('unavailable', 'the worker cannot be let in now', undefined, thrown),
      );
    }
  };

  /** A token that expires ends what it let in. One that lives for weeks is left to the sweep, which looks at all of them. */
  const endAtExpiry = ({ expiresAt }: Identity): void => {
    if (expiresAt === undefined) return;
    const leftMs = Math.max(0, expiresAt - engine.deps.clock.now());
    if (leftMs > maxTimerMs) return;
    cancelExpiry = engine.deps.clock.after(leftMs, () => {
      if (state.phase === 'open') refuse(new DomainError('unauthenticated', 'the token expired'));
    });
  };

  const receive = (message: WorkerMessage): void => {
    if (state.phase === 'expecting_hello') {
      if (message.type !== 'hello' || state.identity === undefined) {
        refuse(new DomainError('invalid_argument', 'the first message of a stream must be hello'));
        return;
      }
      onHello(state.identity, message);
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

  const takeEarly = (): void => {
    while (!isWaiting(state) && state.early.length > 0) {
      const message = state.early.shift();
      if (message !== undefined) receiveSafely(message);
    }
    if (state.early.length === 0) state.earlyBytes = 0;
  };

  const admit = (identity: Identity): void => {
    if (state.phase !== 'authenticating') return;
    state.identity = identity;
    state.phase = 'expecting_hello';
    takeEarly();
  };

  const authenticate = async (): Promise<void> => {
    try {
      admit(await engine.tokens.authenticate(credentials.token, 'join'));
    } catch (thrown) {
      auditUnknown(engine, thrown);
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
      auditUnknown(engine, thrown);
      refuse(isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error', undefined, thrown));
    }
  }

  return {
    send: (message) => {
      if (isWaiting(state)) {
        state.earlyBytes += weightOf(message);
        if (state.early.length >= maxEarly || state.earlyBytes > maxEarlyBytes)
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
