import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import { latencies, median, round3, startProcess, throughput } from '../measure.ts';

/** Raw grpc-js on loopback between two processes, 100-byte messages. */
export interface GrpcAnchor {
  /** Median round trip of a unary call, ms (U). */
  readonly unaryMs: number;
  /** Median round trip on an open bidi stream, ms (B). */
  readonly bidiMs: number;
}

interface Blob {
  readonly payload: Uint8Array;
}

/** The service of `echo.proto`. */
export const echoService = (): grpc.ServiceClientConstructor => {
  const definition = loader.loadSync(fileURLToPath(new URL('./echo.proto', import.meta.url)), { keepCase: true });
  const root = grpc.loadPackageDefinition(definition) as unknown as {
    skein: { bench: { v1: { Echo: grpc.ServiceClientConstructor } } };
  };
  return root.skein.bench.v1.Echo;
};

/** Measures U and B; `samples` round trips each, after a warm-up. */
export const measureGrpc = async (samples: number): Promise<GrpcAnchor> => {
  const server = await startProcess(new URL('./echo-server.ts', import.meta.url), []);
  server.send({ type: 'where' });
  const { address } = await server.next<{ type: 'address'; address: string }>('address');
  const client = new (echoService())(address, grpc.credentials.createInsecure()) as unknown as {
    Unary(request: Blob, done: (error: Error | null, answer: Blob) => void): void;
    Stream(): grpc.ClientDuplexStream<Blob, Blob>;
    close(): void;
  };
  const request = { payload: Buffer.alloc(100, 97) };
  const unary = () =>
    new Promise<void>((resolve, reject) =>
      client.Unary(request, (error) => (error === null ? resolve() : reject(error))),
    );
  await throughput(2_000, 16, unary);
  const unaryMs = median(await latencies(samples, unary));
  const stream = client.Stream();
  const waiting: (() => void)[] = [];
  stream.on('data', () => waiting.shift()?.());
  stream.on('error', () => undefined);
  const ping = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      stream.write(request);
    });
  await throughput(4_000, 64, ping);
  const bidiMs = median(await latencies(samples, ping));
  stream.end();
  client.close();
  await server.stop();
  return { unaryMs: round3(unaryMs), bidiMs: round3(bidiMs) };
};
