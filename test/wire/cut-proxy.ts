import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** A network between workers and their coordinator that can be held, cut and led elsewhere. */
export interface CutProxy {
  /** `HOST:PORT`. */
  readonly address: string;
  /** Bytes that went on to workers. */
  downstream(): number;
  /** New connections go there. */
  lead(port: number): void;
  /** Breaks one connection once so many bytes have gone down on it, and then calls back. One at a time. */
  cutAfter(bytes: number, tell?: () => void): void;
  /** Breaks every connection. */
  cutAll(): void;
  close(): Promise<void>;
}

/** Opens the proxy on a free port of the loopback address. */
export const openCutProxy = async (port: number): Promise<CutProxy> => {
  let target = port;
  let passed = 0;
  let trap: { readonly bytes: number; readonly tell: () => void } | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    let down = 0;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (bytes: Buffer) => {
      down += bytes.length;
      passed += bytes.length;
      const goesOn = client.write(bytes);
      if (trap !== undefined && down >= trap.bytes) {
        const { tell } = trap;
        trap = undefined;
        // What was passed on arrives; what is under way behind it does not.
        upstream.destroy();
        client.end();
        tell();
      } else if (!goesOn) {
        upstream.pause();
        client.once('drain', () => upstream.resume());
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as { readonly port: number }).port}`,
    downstream: () => passed,
    lead: (next) => {
      target = next;
    },
    cutAfter: (bytes, tell = () => undefined) => {
      trap = { bytes, tell };
    },
    cutAll,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cutAll();
      }),
  };
};
