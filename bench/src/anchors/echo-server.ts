import * as grpc from '@grpc/grpc-js';
import { echoService } from './echo-client.ts';

const server = new grpc.Server();
server.addService(echoService().service, {
  Unary: (call: { request: object }, done: (error: null, answer: object) => void) => done(null, call.request),
  Stream: (call: grpc.ServerDuplexStream<object, object>) => {
    call.on('data', (message: object) => call.write(message));
    call.on('end', () => call.end());
    call.on('error', () => undefined);
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.on('message', () => process.send?.({ type: 'address', address: `127.0.0.1:${port}` }));
  process.send?.({ type: 'up' });
});
process.on('SIGTERM', () => process.exit(0));
