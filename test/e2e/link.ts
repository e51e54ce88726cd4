import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** A network of one line. Bytes pass once and in order, or not at all; none is ever doubled. */
export interface Link {
  /** `HOST:PORT` to connect to instead of the target. */
  readonly address: string;
  /** Connections that are open now. */
  readonly open: number;
  /** Breaks every connection and refuses new ones until `heal`. */
  cut(): void;
  /** Connections stay, new ones are taken, but nothing passes in these directions until `heal`. `down` is towards who connected. */
  hold(direction: 'up' | 'down' | 'both'): void;
  /** From now on bytes take so long, ms. */
  delay(ms: number): void;
  /** All is well again: what was held passes on, nothing is delayed. */
  heal(): void;
  close(): Promise<void>;
}

/** Bytes of one direction of one connection, in order. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #isHeld: () => boolean;
  readonly #delayMs: () => number;
  readonly #waiting: { readonly bytes: Buffer; readonly dueAt: number }[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, isHeld: () => boolean, delayMs: () => number) {
    this.#from = from;
    this.#to = to;
    this.#isHeld = isHeld;
    this.#delayMs = delayMs;
    from.on('data', (bytes: Buffer) => {
      this.#waiting.push({ bytes, dueAt: performance.now() + delayMs() });
      this.#bytes += bytes.length;
      // Like a full window of a network: the sender waits, nothing is thrown away.
      if (this.#bytes > 1024 * 1024) from.pause();
      this.pass();
    });
  }

  /** Passes on what is due. */
  pass(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (!this.#isHeld() && !this.#to.destroyed) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      const early = next.dueAt - performance.now();
      if (early > 0 && this.#delayMs() > 0) {
        this.#timer = setTimeout(() => this.pass(), early);
        return;
      }
      this.#waiting.shift();
      this.#bytes -= next.bytes.length;
      this.#to.write(next.bytes);
    }
    if (this.#bytes <= 1024 * 1024) this.#from.resume();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Opens a link to a port of this machine, on a free port. */
export const openLink = async (target: string): Promise<Link> => {
  const [host = '127.0.0.1', port] = target.replace(/^https?:\/\//, '').split(':');
  let isCut = false;
  let held: 'up' | 'down' | 'both' | undefined;
  let delayMs = 0;
  const pipes = new Set<Pipe>();
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), host);
    const both = [
      new Pipe(
        client,
        upstream,
        () => held === 'up' || held === 'both',
        () => delayMs,
      ),
      new Pipe(
        upstream,
        client,
        () => held === 'down' || held === 'both',
        () => delayMs,
      ),
    ];
    for (const pipe of both) pipes.add(pipe);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      for (const pipe of both) {
        pipe.stop();
        pipes.delete(pipe);
      }
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as { readonly port: number }).port}`,
    get open() {
      return sockets.size / 2;
    },
    cut: () => {
      isCut = true;
      destroyAll();
    },
    hold: (direction) => {
      held = direction;
    },
    delay: (ms) => {
      delayMs = ms;
    },
    heal: () => {
      isCut = false;
      held = undefined;
      delayMs = 0;
      for (const pipe of pipes) pipe.pass();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        destroyAll();
      }),
  };
};
