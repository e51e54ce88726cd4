import { connect, createServer, type Socket } from 'node:net';

/** A proxy that keeps every byte that it passes on, in both directions. */
export interface CaptureProxy {
  /** `HOST:PORT`. */
  readonly address: string;
  captured(): Buffer;
  stop(): Promise<void>;
}

/** Starts one in front of `HOST:PORT`. */
export const startCaptureProxy = async (target: string): Promise<CaptureProxy> => {
  const [host = '', port = ''] = target.split(':');
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), host);
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => chunks.push(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => sockets.delete(from));
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    address: `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    captured: () => Buffer.concat(chunks),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
