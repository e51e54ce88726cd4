import { type Digest, DomainError, type JsonValue, type TaskOffer, type ValueRef } from '@skein/domain';
import type { Hasher, TaskInputs, TaskTransfers } from '@skein/ports';

/**
 * The values of an offer, with those by digest fetched once each and checked against it.
 * Throws `digest_mismatch`, and what the transfers throw.
 */
export const resolveInputs = async (
  hasher: Hasher,
  transfers: TaskTransfers,
  offer: TaskOffer,
): Promise<TaskInputs> => {
  const fetched = new Map<Digest, Promise<JsonValue>>();
  const valueOf = (ref: ValueRef): JsonValue | Promise<JsonValue> => {
    if ('inline' in ref) return ref.inline;
    const pending = fetched.get(ref.digest) ?? fetchValue(hasher, transfers, ref.digest);
    fetched.set(ref.digest, pending);
    return pending;
  };
  const [refs, upstreamEnv] = await Promise.all([
    resolveValues(offer.refs, valueOf),
    resolveValues(offer.upstreamEnv, valueOf),
  ]);
  if (offer.item === undefined) return { refs, upstreamEnv };
  return { refs, upstreamEnv, item: { index: offer.item.index, value: await valueOf(offer.item.value) } };
};

const resolveValues = async (
  values: { readonly [name: string]: ValueRef },
  valueOf: (ref: ValueRef) => JsonValue | Promise<JsonValue>,
): Promise<{ readonly [name: string]: JsonValue }> => {
  const resolved = await Promise.all(
    Object.entries(values).map(async ([name, ref]) => [name, await valueOf(ref)] as const),
  );
  return Object.fromEntries(resolved);
};

/** A value by its digest, checked. Throws `digest_mismatch`, and what the transfers throw. */
export const fetchValue = async (
  hasher: Hasher,
  transfers: Pick<TaskTransfers, 'fetchBlob'>,
  digest: Digest,
): Promise<JsonValue> => {
  const bytes = await transfers.fetchBlob(digest);
  const actual = hasher.digest(bytes);
  if (actual !== digest) throw new DomainError('digest_mismatch', 'a value is damaged', { expected: digest, actual });
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
};
