import * as grpc from '@grpc/grpc-js';
import { echoService } from './echo-client.ts';

// Holds plain bidi streams, each on a connection of its own, and says a little on each now and then: ADDRESS STREAMS EVERY_MS.
const [address = '', count = '0', everyMs = '1000'] = process.argv.slice(2);
const options = { 'grpc.use_local_subchannel_pool': 1 };
const beat = { payload: Buffer.alloc(20, 97) };
for (let index = 0; index < Number(count); index += 1) {
  const client = new (echoService())(address, grpc.credentials.createInsecure(), options) as unknown as {
    Stream(): grpc.ClientDuplexStream<object, object>;
  };
  const stream = client.Stream();
  stream.on('data', () => undefined);
  stream.on('error', () => undefined);
  stream.write(beat);
  setTimeout(() => setInterval(() => stream.write(beat), Number(everyMs)), (Number(everyMs) * index) / Number(count));
}
process.send?.({ type: 'up' });
process.on('SIGTERM', () => process.exit(0));
