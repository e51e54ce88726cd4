import { DomainError } from '@skein/domain';
import type { MemberRow, PeerConnection, PeerGateway, PeerMessage, StreamLink, StreamListener } from '@skein/ports';
import { peerProtocolVersions } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { jitterOf } from '../fleet/jitter-of.ts';
import { PeerLink } from './peer-link.ts';
import { isSameSecret } from './same-secret.ts';

/*
 * One stream to each other coordinator: the one with the lesser id opens it, again and again.
 *  L1 the first message of both sides is `peer_hello`, once
 *  L2 a newer stream of a coordinator takes the place of the older one
 *  L3 a stream that was silent for a second is broken, unless it was this coordinator that did not listen; one without a hello after two
 *  L4 no message, however wrong, ends more than its own stream
 */

const beatMs = 250;
const silentMs = 1_000;
/** A stream on which nobody said hello for so long leads nowhere. */
const helloMs = 2_000;
/** A beat that comes so late says that nothing was read meanwhile. */
const pausedMs = 2 * beatMs;
const firstRetryMs = 50;
const maxRetryMs = 1_000;

/** What is done with streams that are open. */
export interface LinkEvents {
  onUp(link: PeerLink): void;
  onMessage(link: PeerLink, message: PeerMessage): void;
  onDown(link: PeerLink): void;
}

interface Dialled {
  readonly row: MemberRow;
  readonly connection: PeerConnection;
  tries: number;
  cancelRetry: (() => void) | undefined;
  /** A stream was opened and has not ended. */
  isOpen: boolean;
}

const nothing = (): void => undefined;

/** The streams of this coordinator to its peers. */
export class PeerStreams {
  readonly #engine: Engine;
  readonly #events: LinkEvents;
  readonly #links = new Map<string, PeerLink>();
  /** The same as a list, which is asked for with each message; made anew when a stream comes or goes. */
  #list: readonly PeerLink[] | undefined;
  readonly #dialled = new Map<string, Dialled>();
  #phase: 'new' | 'open' | 'stopped' = 'new';
  #cancelBeat: () => void = nothing;
  #beatAt = 0;

  constructor(engine: Engine, events: LinkEvents) {
    this.#engine = engine;
    this.#events = events;
  }

  get links(): readonly PeerLink[] {
    this.#list ??= [...this.#links.values()];
    return this.#list;
  }

  link(coordinatorId: string): PeerLink | undefined {
    return this.#links.get(coordinatorId);
  }

  connection(coordinatorId: string): PeerConnection | undefined {
    return this.#dialled.get(coordinatorId)?.connection;
  }

  start(): void {
    if (this.#phase !== 'new') return;
    this.#phase = 'open';
    this.#beatAt = this.#engine.deps.clock.monotonicMs();
    this.#scheduleBeat();
    this.sync();
  }

  stop(): void {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    this.#cancelBeat();
    for (const link of this.links) {
      link.send({ type: 'leaving' });
      link.close();
    }
    this.#links.clear();
    this.#list = undefined;
    for (const dialled of this.#dialled.values()) this.#drop(dialled);
    this.#dialled.clear();
  }

  /** Brings the connections together with who is alive. */
  sync(): void {
    const { peerDialer } = this.#engine.deps;
    if (this.#phase !== 'open' || peerDialer === undefined) return;
    const live = new Map(this.#engine.members.live.map((row) => [row.coordinatorId, row]));
    for (const [coordinatorId, dialled] of this.#dialled) {
      const row = live.get(coordinatorId);
      const isSame = row?.incarnation === dialled.row.incarnation && row.peerAddress === dialled.row.peerAddress;
      // Who is taken for dead may still be heard: the stream ends by itself.
      if (isSame || (row === undefined && this.#links.has(coordinatorId))) continue;
      this.#dialled.delete(coordinatorId);
      this.#drop(dialled);
    }
    for (const [coordinatorId, row] of live) {
      if (this.#dialled.has(coordinatorId) || row.peerAddress === '') continue;
      const connection = peerDialer.dial(row.peerAddress);
      const dialled: Dialled = { row, connection, tries: 0, cancelRetry: undefined, isOpen: false };
      this.#dialled.set(coordinatorId, dialled);
      if (this.#engine.config.coordinatorId < coordinatorId) this.#open(dialled);
    }
  }

  /** The server's half. */
  readonly accept: PeerGateway['openPeerStream'] = (credentials, listener) => {
    const { deps, config } = this.#engine;
    const refusal = !isSameSecret(deps.hasher, config.fleet?.peerSecret, credentials.secret)
      ? new DomainError('permission_denied', 'this is not the secret of the fleet')
      : this.#phase === 'open'
        ? undefined
        : new DomainError('unavailable', 'the coordinator is not ready');
    if (refusal !== undefined) {
      listener.onClosed(refusal);
      return { send: nothing, close: nothing };
    }
    let isOver = false;
    const out: StreamLink<PeerMessage> = {
      send: (message) => {
        if (!isOver) listener.onMessage(message);
      },
      close: (error) => {
        if (isOver) return;
        isOver = true;
        listener.onClosed(error);
      },
    };
    const end = this.#talk(out, undefined, nothing);
    return {
      send: (message) => {
        if (!isOver) end.onMessage(message);
      },
      close: (error) => {
        isOver = true;
        end.onClosed(error);
      },
    };
  };

  #open(dialled: Dialled): void {
    dialled.isOpen = true;
    const { coordinatorId } = dialled.row;
    // Bound below: a stream may end while it is being opened.
    let opened: StreamLink<PeerMessage> | undefined;
    let closed: { readonly error?: DomainError } | undefined;
    const out: StreamLink<PeerMessage> = {
      send: (message) => opened?.send(message),
      close: (error) => {
        if (opened === undefined) closed = error === undefined ? {} : { error };
        else opened.close(error);
      },
    };
    const end = this.#talk(out, coordinatorId, () => {
      dialled.isOpen = false;
      this.#retry(dialled);
    });
    opened = dialled.connection.peer.openPeerStream({ secret: this.#engine.config.fleet?.peerSecret ?? '' }, end);
    if (closed !== undefined) opened.close(closed.error);
    else this.#hello(opened);
  }

  #retry(dialled: Dialled): void {
    const { coordinatorId } = dialled.row;
    if (this.#phase !== 'open' || this.#dialled.get(coordinatorId) !== dialled) return;
    const full = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(10, dialled.tries));
    dialled.tries += 1;
    const step = `${coordinatorId} ${dialled.tries}`;
    const share = jitterOf({ runId: this.#engine.config.coordinatorId, step, attempt: 1, token: dialled.tries });
    dialled.cancelRetry = this.#engine.deps.clock.after(full / 2 + (full / 2) * share, () => {
      dialled.cancelRetry = undefined;
      if (this.#dialled.get(coordinatorId) === dialled && !dialled.isOpen) this.#open(dialled);
    });
  }

  #drop(dialled: Dialled): void {
    dialled.cancelRetry?.();
    dialled.connection.close().catch(nothing);
  }

  #hello(out: StreamLink<PeerMessage>): void {
    const { config } = this.#engine;
    out.send({
      type: 'peer_hello',
      protocol: peerProtocolVersions,
      coordinatorId: config.coordinatorId,
      incarnation: config.fleet?.incarnation ?? '',
    });
  }

  /** The listening end of one stream. `expected`: whom this coordinator dialled. */
  #talk(out: StreamLink<PeerMessage>, expected: string | undefined, onEnd: () => void): StreamListener<PeerMessage> {
    let link: PeerLink | undefined;
    let isOver = false;
    const down = (): void => {
      const ended = link;
      link = undefined;
      if (ended === undefined || this.#links.get(ended.coordinatorId) !== ended) return;
      this.#links.delete(ended.coordinatorId);
      this.#list = undefined;
      this.#engine.deps.log.info('the stream to a coordinator ended', { peer: ended.coordinatorId });
      this.#events.onDown(ended);
      if (this.#phase === 'open' && !ended.leaving) this.#engine.members.suspect(ended.coordinatorId);
      if (this.#phase === 'open') this.sync();
    };
    const end = (error: DomainError): void => {
      if (isOver) return;
      isOver = true;
      cancelHello();
      out.close(error);
      down();
      onEnd();
    };
    const cancelHello = this.#engine.deps.clock.after(helloMs, () => {
      if (link === undefined) end(new DomainError('unavailable', 'the coordinator does not say hello'));
    });
    return {
      onMessage: (message) => {
        if (isOver) return;
        try {
          if (link !== undefined) {
            link.heardAt = this.#engine.deps.clock.monotonicMs();
            if (message.type === 'peer_hello') end(new DomainError('invalid_argument', 'peer_hello comes once'));
            else this.#events.onMessage(link, message);
            return;
          }
          const refusal = this.#refusalOf(message, expected);
          if (refusal !== undefined || message.type !== 'peer_hello') {
            end(refusal ?? new DomainError('invalid_argument', 'the first message of a peer must be peer_hello'));
            return;
          }
          if (expected === undefined) this.#hello(out);
          const { clock } = this.#engine.deps;
          const closable: StreamLink<PeerMessage> = {
            send: (sent) => {
              if (!isOver) out.send(sent);
            },
            close: (error) => end(error ?? new DomainError('unavailable', 'the stream was ended')),
          };
          // L2
          this.#links.get(message.coordinatorId)?.close(new DomainError('unavailable', 'a newer stream took over'));
          link = new PeerLink(message, closable, clock.monotonicMs());
          this.#links.set(message.coordinatorId, link);
          this.#list = undefined;
          const dialled = this.#dialled.get(message.coordinatorId);
          if (dialled !== undefined) dialled.tries = 0;
          this.#engine.deps.log.info('a coordinator is connected', { peer: message.coordinatorId });
          this.#events.onUp(link);
        } catch (thrown) {
          // L4
          this.#engine.deps.meter.count(metric.badMessages);
          this.#engine.deps.log.error('message of a coordinator could not be handled', {
            type: message.type,
            error: thrown,
          });
          end(new DomainError('internal', 'internal error', undefined, thrown));
        }
      },
      onClosed: (error) => {
        if (isOver) return;
        if (error !== undefined && link === undefined)
          this.#engine.deps.log.warn('a coordinator cannot be reached', { peer: expected, code: error.code });
        isOver = true;
        cancelHello();
        down();
        onEnd();
      },
    };
  }

  #refusalOf(message: PeerMessage, expected: string | undefined): DomainError | undefined {
    if (message.type !== 'peer_hello') return undefined;
    const { min, max } = message.protocol;
    if (Math.min(max, peerProtocolVersions.max) < Math.max(min, peerProtocolVersions.min)) {
      return new DomainError('unimplemented', 'no version of the peer protocol in common', {
        peer: { min, max },
        coordinator: { ...peerProtocolVersions },
      });
    }
    const { coordinatorId } = message;
    const own = this.#engine.config.coordinatorId;
    if (coordinatorId === own || (expected !== undefined && expected !== coordinatorId))
      return new DomainError('invalid_argument', 'another coordinator was expected here', { coordinatorId });
    return undefined;
  }

  #scheduleBeat(): void {
    const { clock } = this.#engine.deps;
    this.#cancelBeat = clock.after(beatMs, () => {
      if (this.#phase !== 'open') return;
      const now = clock.monotonicMs();
      const wasPaused = now - this.#beatAt > pausedMs;
      this.#beatAt = now;
      for (const link of this.links) {
        // L3
        if (wasPaused) link.heardAt = now;
        if (now - link.heardAt >= silentMs) link.close(new DomainError('unavailable', 'the coordinator is silent'));
        else link.send({ type: 'alive' });
      }
      this.#scheduleBeat();
    });
  }
}
