import { fileURLToPath } from 'node:url';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { loadSync } from '@grpc/proto-loader';

/** The service and the message types of the worker protocol, loaded once per process from the `.proto` file. */

const protoFile = fileURLToPath(new URL('../../../proto/skein/worker/v1/worker.proto', import.meta.url));
const serviceName = 'skein.worker.v1.WorkerService';

/** `bytes` stay Buffers, as views of the received frame; integers past 2^53 become numbers that no check accepts. */
const definitions = loadSync(protoFile, { longs: Number, enums: String, defaults: true, oneofs: true });

/** Stands for received bytes that are no such message: the handler refuses it, nothing is thrown inside the HTTP/2 stack. */
export const malformed: unique symbol = Symbol('malformed');

const lenient =
  <T>(decode: (bytes: Buffer) => T) =>
  (bytes: Buffer): T | typeof malformed => {
    try {
      return decode(bytes);
    } catch {
      return malformed;
    }
  };

const identity = (frame: Buffer): Buffer => frame;

/** Frames of the `Work` stream are built and taken apart by us (`frame.ts`), so grpc-js passes them on as bytes. */
const methodOf = (name: string, method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> =>
  name === 'Work'
    ? {
        ...method,
        requestSerialize: identity as never,
        requestDeserialize: identity,
        responseSerialize: identity as never,
        responseDeserialize: identity,
      }
    : {
        ...method,
        requestDeserialize: lenient(method.requestDeserialize),
        responseDeserialize: lenient(method.responseDeserialize),
      };

/** The service as grpc-js wants it. */
export const workerService: ServiceDefinition = Object.fromEntries(
  Object.entries(definitions[serviceName] as unknown as ServiceDefinition).map(([name, method]) => [
    name,
    methodOf(name, method as MethodDefinition<unknown, unknown>),
  ]),
);

/** Encoder and decoder of one message type of the protocol. The decoder throws for bytes that are no such message. */
export const messageType = <Input, Output>(
  name: string,
): { readonly serialize: (message: Input) => Buffer; readonly deserialize: (bytes: Buffer) => Output } =>
  definitions[`skein.worker.v1.${name}`] as unknown as MessageTypeDefinition<object, object> & {
    serialize: (message: Input) => Buffer;
    deserialize: (bytes: Buffer) => Output;
  };
