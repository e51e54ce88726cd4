import type { ErrorData, JsonValue } from '@skein/domain';
import { DomainError, fromErrorData, isDomainError, toErrorData } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { fromPeerJson, toPeerJson } from './peer-json.ts';

/*
 * A use case's error is an answer too: who asked knows that the other coordinator has decided, and gets code and details whole. A call
 * that throws has no answer: what it asked for may have been done.
 */

/** What came of a call. */
export type PeerAnswer =
  | { readonly status: 'done'; readonly value: unknown }
  | { readonly status: 'refused'; readonly error: DomainError }
  /** Nobody knows whether it was carried out. */
  | { readonly status: 'unclear'; readonly error: DomainError };

/** Marks an error as: nothing was done, somebody else is to be asked. */
export const movedReason = 'moved';

/** Says that whoever was asked is not the one, and did nothing. */
export const isMoved = ({ code, details }: DomainError): boolean =>
  code === 'unavailable' && (details as { readonly reason?: unknown } | undefined)?.reason === movedReason;

/** Calls a use case at a peer. Never throws. */
export const askPeer = async (
  engine: Engine,
  coordinatorId: string,
  method: string,
  args: readonly unknown[],
): Promise<PeerAnswer> => {
  try {
    const answer = await engine.peers.call(coordinatorId, { method, args: args.map(toPeerJson) });
    const { error, value } = answer as unknown as { readonly error?: ErrorData; readonly value?: JsonValue };
    if (error !== undefined) return { status: 'refused', error: fromErrorData(error) };
    return { status: 'done', value: fromPeerJson(value ?? null) };
  } catch (thrown) {
    const error = isDomainError(thrown) ? thrown : new DomainError('internal', 'internal error', undefined, thrown);
    return isPassingError(error) ? { status: 'unclear', error } : { status: 'refused', error };
  }
};

const isPassingError = ({ code }: DomainError): boolean =>
  code === 'unavailable' || code === 'deadline_exceeded' || code === 'cancelled';

/** The answer to a peer's call. Never throws. */
export const answerPeer = async (engine: Engine, run: () => Promise<unknown>): Promise<JsonValue> => {
  try {
    return { value: toPeerJson(await run()) };
  } catch (thrown) {
    if (!isDomainError(thrown)) engine.deps.log.error('a call of another coordinator failed', { cause: thrown });
    return { error: toErrorData(thrown) as unknown as JsonValue };
  }
};
