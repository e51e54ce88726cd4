import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { DomainError, isDomainError } from '@skein/domain';
import { readCredentials } from './credentials.ts';
import type { ReadSecretRequest__Output } from './generated/skein/worker/v1/ReadSecretRequest.ts';
import type { Received, ServeTransfersDeps } from './serve-transfers.ts';
import { understood } from './serve-transfers.ts';
import { toStatus } from './status.ts';
import { idField, nameField } from './wire/fields.ts';
import { boundedSecret } from './wire/secret-value.ts';
import { decodeTaskRef } from './wire/shared-values.ts';

/**
 * Serves one `ReadSecret` call. What is thrown by anything but our own code is neither logged nor answered with its text: whatever
 * a source of secrets throws may quote a value (S3).
 */
export const serveReadSecret = (
  deps: ServeTransfersDeps,
  call: ServerUnaryCall<Received<ReadSecretRequest__Output>, object>,
  answer: sendUnaryData<object>,
): void => {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort(new DomainError('cancelled', 'the caller is gone')));
  const read = async (): Promise<string> => {
    const request = understood(call.request);
    const value = await deps.gateway.readSecret(
      readCredentials(deps, call),
      idField(request.sessionId, 'session_id'),
      decodeTaskRef(request.task, 'task'),
      nameField(request.secret, 'secret'),
      gone.signal,
    );
    return boundedSecret(value);
  };
  read().then(
    (value) => answer(null, { value }),
    (thrown: unknown) => {
      if (!isDomainError(thrown)) deps.log.error('a secret could not be read');
      answer(toStatus(isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error')));
    },
  );
};
