import type { Digest } from '../identity/ids.ts';
import type { Manifest, ManifestPart, PartKind } from './manifest.ts';

/** One part that two manifests do not share. Sizes in bytes. */
export interface ManifestDiffPart {
  readonly kind: PartKind;
  readonly name: string;
  readonly before?: { readonly digest: Digest; readonly size: number };
  readonly after?: { readonly digest: Digest; readonly size: number };
}

/** What changed from one manifest to another: parts by kind and name. */
export interface ManifestDiff {
  readonly added: readonly ManifestDiffPart[];
  readonly removed: readonly ManifestDiffPart[];
  readonly changed: readonly ManifestDiffPart[];
  /** Parts that both hold. */
  readonly same: number;
}

/** Parts by kind and name; an agent's name without its version, so that two versions of one are compared. */
const byName = ({ parts }: Manifest): Map<string, ManifestPart[]> => {
  const groups = new Map<string, ManifestPart[]>();
  for (const part of parts) {
    const name = nameOf(part);
    const key = `${part.kind} ${name}`;
    groups.set(key, [...(groups.get(key) ?? []), part]);
  }
  return groups;
};

const nameOf = ({ kind, name }: ManifestPart): string => {
  const at = name.lastIndexOf('@');
  return kind === 'agent' && at > 0 ? name.slice(0, at) : name;
};

const sizeOf = ({ digest, size }: ManifestPart) => ({ digest, size });

/** How two manifests differ. Parts of one name (models of two agents, say) are paired in their order. Pure. */
export const diffManifests = (a: Manifest, b: Manifest): ManifestDiff => {
  const before = byName(a);
  const after = byName(b);
  const added: ManifestDiffPart[] = [];
  const removed: ManifestDiffPart[] = [];
  const changed: ManifestDiffPart[] = [];
  let same = 0;
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(key) ?? [];
    const is = after.get(key) ?? [];
    const kept = new Set(was.map(({ digest }) => digest).filter((digest) => is.some((part) => part.digest === digest)));
    const old = was.filter(({ digest }) => !kept.has(digest));
    const fresh = is.filter(({ digest }) => !kept.has(digest));
    same += kept.size;
    for (let at = 0; at < Math.max(old.length, fresh.length); at += 1) {
      const left = old[at];
      const right = fresh[at];
      const some = (left ?? right) as ManifestPart;
      const head = { kind: some.kind, name: nameOf(some) };
      if (left === undefined) added.push({ ...head, after: sizeOf(some) });
      else if (right === undefined) removed.push({ ...head, before: sizeOf(left) });
      else changed.push({ ...head, before: sizeOf(left), after: sizeOf(right) });
    }
  }
  return { added, removed, changed, same };
};
