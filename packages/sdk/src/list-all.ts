import type { WirePage } from './list-page.ts';
import type { Transport } from './transport.ts';

/** Reads a list to its end. */
export type ListAll = <T>(
  path: string,
  query?: { readonly [name: string]: string | undefined },
) => Promise<readonly T[]>;

/** Reads lists to their end, page by page. */
export const createListAll =
  (transport: Transport): ListAll =>
  async <T>(path: string, query: { readonly [name: string]: string | undefined } = {}) => {
    const items: T[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: WirePage<T> = await transport.json<WirePage<T>>({
        method: 'GET',
        path,
        query: { ...query, limit: 1_000, cursor: cursor ?? undefined },
        idempotent: true,
      });
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  };
