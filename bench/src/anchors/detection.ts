import * as grpc from '@grpc/grpc-js';
import { nowMs, startProcess } from '../measure.ts';
import { echoService } from './echo-client.ts';

/** From `kill -9` of a process to the moment at which a plain grpc-js server, in another process, sees its bidi stream end; ms of each of n kills. */
export const measureDetection = async (n: number): Promise<readonly number[]> => {
  let onOpen = (): void => {};
  let onGone = (_at: number): void => {};
  const server = new grpc.Server();
  server.addService(echoService().service, {
    Unary: () => undefined,
    Stream: (call: grpc.ServerDuplexStream<object, object>) => {
      call.on('data', () => onOpen());
      call.on('cancelled', () => onGone(nowMs()));
      call.on('end', () => onGone(nowMs()));
      call.on('error', () => undefined);
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const samples: number[] = [];
  try {
    for (let index = 0; index < n; index += 1) {
      const open = new Promise<void>((resolve) => {
        onOpen = resolve;
      });
      const holder = await startProcess(new URL('./stream-holder.ts', import.meta.url), [`127.0.0.1:${port}`]);
      await open;
      const gone = new Promise<number>((resolve) => {
        onGone = resolve;
      });
      const at = nowMs();
      holder.child.kill('SIGKILL');
      samples.push((await gone) - at);
      await holder.stop();
    }
  } finally {
    server.forceShutdown();
  }
  return samples;
};
