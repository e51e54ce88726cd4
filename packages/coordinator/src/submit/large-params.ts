import type { Digest, JsonObject, JsonValue, TenantId } from '@skein/domain';
import { canonicalJson, maxInlineValueBytes, utf8Length } from '@skein/domain';
import { storeValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';

/** Inline bytes of params and routing context together, so that the fact that holds them stays within 64 KiB. */
const maxInlineRequestBytes = 48 * 1024;

/** What of a run's request may be too large for its first fact. */
export interface RequestValues {
  readonly tenant: TenantId;
  readonly params: { readonly [name: string]: JsonValue };
  readonly routingContext: JsonObject;
}

/** Params that do not fit into a fact go to the blob store before the append that names them; undefined when they fit. */
export const storeLargeParams = async (
  engine: Engine,
  { tenant, params, routingContext }: RequestValues,
): Promise<{ readonly digest: Digest; readonly bytes: number } | undefined> => {
  const text = canonicalJson(params);
  const bytes = utf8Length(text);
  const fits =
    bytes <= maxInlineValueBytes && bytes + utf8Length(canonicalJson(routingContext)) <= maxInlineRequestBytes;
  if (fits) return undefined;
  return storeValue(engine, tenant, params);
};
