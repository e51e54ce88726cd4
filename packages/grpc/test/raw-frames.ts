import { joinFrame } from '../src/wire/frame.ts';
import { messageType } from '../src/worker-protocol.ts';

/** One message as it is framed in the body of a call; the head may lie. */
export const grpcFrame = (message: Buffer, declared = message.length, compressed = 0): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(declared, 1);
  return Buffer.concat([head, message]);
};

const workerMessage = messageType<object, object>('WorkerMessage');

/** Messages of a worker in one frame. */
export const frameOf = (...messages: object[]): Buffer =>
  grpcFrame(joinFrame(messages.map((message) => workerMessage.serialize(message))));

/** A hello that is good. */
export const helloOnWire = {
  hello: {
    protocolMin: 1,
    protocolMax: 1,
    worker: { workerId: 'wrk_1', incarnation: 'lch_1', slots: 1, kinds: ['shell'], isolation: 'none', pid: 1 },
  },
};
