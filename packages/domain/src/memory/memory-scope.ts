import { isName } from '../identity/ids.ts';

/** A memory scope in its parts. */
export type MemoryScope =
  | { readonly kind: 'global' }
  | { readonly kind: 'dag'; readonly name: string }
  | { readonly kind: 'agent'; readonly name: string };

/** The parts of `global`, `dag/NAME` or `agent/ID`; undefined for any other text. */
export const parseMemoryScope = (scope: string): MemoryScope | undefined => {
  if (scope === 'global') return { kind: 'global' };
  const slash = scope.indexOf('/');
  const kind = scope.slice(0, slash);
  const name = scope.slice(slash + 1);
  return (kind === 'dag' || kind === 'agent') && isName(name) ? { kind, name } : undefined;
};
