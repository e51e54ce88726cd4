import { DomainError } from '@skein/domain';
import type { Page } from '@skein/ports';

/** A page as it is answered: both keys are always there. */
export const toPage = <T>(page: Page<T>): { readonly items: readonly T[]; readonly nextCursor: string | null } => ({
  items: page.items,
  nextCursor: page.nextCursor ?? null,
});

/** One page of a list that is whole in memory; the cursor is the position, so the list must keep its order. */
export const slicePage = <T>(
  items: readonly T[],
  query: { readonly limit: number; readonly cursor?: string | undefined },
): { readonly items: readonly T[]; readonly nextCursor: string | null } => {
  const start = query.cursor === undefined ? 0 : Number(/^o(\d{1,9})$/.exec(query.cursor)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(start)) {
    throw new DomainError('invalid_argument', 'the cursor is not one of this list', {
      problems: [{ message: 'not a cursor of this list', field: 'cursor' }],
    });
  }
  const end = start + query.limit;
  return { items: items.slice(start, end), nextCursor: end < items.length ? `o${end}` : null };
};
