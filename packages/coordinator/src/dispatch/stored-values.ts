import type { Digest, JsonValue, TenantId, ValueRef } from '@skein/domain';
import { canonicalJson } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Values are kept per tenant: to know a digest is not to be allowed to read it. */
export const valueKey = (tenant: TenantId, digest: Digest): string => `${tenant} ${digest}`;

/** The JSON value behind a digest. Throws `not_found`, `digest_mismatch`, `unavailable`. */
export const fetchValue = async (engine: Engine, tenant: TenantId, digest: Digest): Promise<JsonValue> => {
  const key = valueKey(tenant, digest);
  const cached = engine.values.get(key);
  if (cached !== undefined) return cached;
  const bytes = await engine.deps.blobs.get(tenant, digest);
  const value = JSON.parse(new TextDecoder().decode(bytes)) as JsonValue;
  if (value !== null) engine.values.set(key, value, { size: Math.max(1, bytes.byteLength) });
  return value;
};

/** Stores a value as canonical JSON. Throws `unavailable`. */
export const storeValue = async (
  engine: Engine,
  tenant: TenantId,
  value: JsonValue,
): Promise<Extract<ValueRef, { readonly digest: Digest }>> => {
  const bytes = new TextEncoder().encode(canonicalJson(value));
  const digest = await engine.deps.blobs.put(tenant, bytes);
  return { digest, bytes: bytes.byteLength };
};
