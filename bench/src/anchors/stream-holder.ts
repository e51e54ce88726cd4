import * as grpc from '@grpc/grpc-js';
import { echoService } from './echo-client.ts';

// Holds a plain bidi stream open until it is killed.
const client = new (echoService())(process.argv[2] ?? '', grpc.credentials.createInsecure()) as unknown as {
  Stream(): grpc.ClientDuplexStream<object, object>;
};
const stream = client.Stream();
stream.on('data', () => undefined);
stream.on('error', () => undefined);
stream.write({ payload: Buffer.from('hello') });
setInterval(() => undefined, 1_000);
process.send?.({ type: 'up' });
