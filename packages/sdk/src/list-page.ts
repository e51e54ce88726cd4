import type { ListPage } from './wire.ts';

/** A page as it comes over the wire. */
export interface WirePage<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** A page as callers see it: the cursor is absent on the last one. */
export const listPage = <T>(page: WirePage<T>): ListPage<T> =>
  page.nextCursor === null ? { items: page.items } : { items: page.items, nextCursor: page.nextCursor };

/** A value as one segment of a path. */
export const segment = (value: string): string => encodeURIComponent(value);
