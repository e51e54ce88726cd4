import { createRequire } from 'node:module';
import type { Client, ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';

/** The bare transport: one bidirectional stream of 100-byte messages that carry a number, without a codec. */

const grpc = createRequire(new URL('../packages/grpc/package.json', import.meta.url))(
  '@grpc/grpc-js',
) as typeof import('@grpc/grpc-js');

const identity = (bytes: Buffer): Buffer => bytes;
const service = {
  Chat: {
    path: '/bench.Raw/Chat',
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} as ServiceDefinition;

/** The echoing end. */
export class Raw {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new (grpc.makeGenericClientConstructor(service, 'Raw'))(address, grpc.credentials.createInsecure());
  }

  echo(): void {
    const call = this.#client.makeBidiStreamRequest('/bench.Raw/Chat', identity, identity);
    call.on('data', (bytes: Buffer) => call.write(bytes));
    call.on('error', () => undefined);
    call.write(Buffer.alloc(100));
  }
}

/** The driving end. */
export const serveRaw = async (address: string) => {
  const server = new grpc.Server();
  let call: ServerDuplexStream<Buffer, Buffer> | undefined;
  let arrived: (id: number) => void = () => undefined;
  let join: () => void = () => undefined;
  const joined = new Promise<void>((resolve) => {
    join = resolve;
  });
  server.addService(service, {
    Chat: (opened: ServerDuplexStream<Buffer, Buffer>) => {
      call = opened;
      opened.on('data', (bytes: Buffer) => {
        const id = bytes.readUInt32BE(0);
        if (id === 0) join();
        else arrived(id);
      });
      opened.on('error', () => undefined);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    joined,
    send: (id: number) => {
      const bytes = Buffer.alloc(100);
      bytes.writeUInt32BE(id, 0);
      call?.write(bytes);
    },
    onMessage: (listener: (id: number) => void) => {
      arrived = listener;
    },
    close: () => server.forceShutdown(),
  };
};
