import { fileURLToPath } from 'node:url';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { loadSync } from '@grpc/proto-loader';

const protoRoot = fileURLToPath(new URL('../../../proto', import.meta.url));

/** Stands for received bytes that are no such message: the handler refuses it, nothing is thrown inside the HTTP/2 stack. */
export const malformed: unique symbol = Symbol('malformed');

/** Encoder and decoder of one message type. The decoder throws for bytes that are no such message. */
export interface MessageCodec<Input, Output> {
  readonly serialize: (message: Input) => Buffer;
  readonly deserialize: (bytes: Buffer) => Output;
}

/** A service as grpc-js wants it, and the message types of its package. */
export interface LoadedService {
  readonly service: ServiceDefinition;
  readonly messageType: <Input, Output>(name: string) => MessageCodec<Input, Output>;
}

const identity = (frame: Buffer): Buffer => frame;

const lenient =
  <T>(decode: (bytes: Buffer) => T) =>
  (bytes: Buffer): T | typeof malformed => {
    try {
      return decode(bytes);
    } catch {
      return malformed;
    }
  };

/**
 * Loads a `.proto` file. Frames of the method `rawMethod` are built and taken apart by us, so grpc-js passes them on as bytes. `bytes` stay
 * Buffers, as views of the received frame; integers past 2^53 become numbers that no check accepts.
 */
export const loadService = (place: {
  /** Below the folder of all `.proto` files. */
  readonly file: string;
  /** `skein.worker.v1`. */
  readonly package: string;
  readonly service: string;
  readonly rawMethod: string;
}): LoadedService => {
  const definitions = loadSync(place.file, {
    includeDirs: [protoRoot],
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  const methodOf = (name: string, method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> =>
    name === place.rawMethod
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
  const methods = definitions[`${place.package}.${place.service}`] as unknown as ServiceDefinition;
  return {
    service: Object.fromEntries(
      Object.entries(methods).map(([name, method]) => [
        name,
        methodOf(name, method as MethodDefinition<unknown, unknown>),
      ]),
    ),
    messageType: <Input, Output>(name: string) =>
      definitions[`${place.package}.${name}`] as unknown as MessageTypeDefinition<object, object> &
        MessageCodec<Input, Output>,
  };
};
