import type { Digest, Manifest, ManifestPart, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { ambiguous, digestPrefix } from './digest-prefix.ts';
import type { InspectedSnapshot, SnapshotDiff, SnapshotDiffPart } from './snapshot-views.ts';

/** Digests that are looked at to tell a unique beginning from an ambiguous one. */
const maxCandidates = 9;

/** The digest of a stored snapshot, from it or its beginning. Throws `not_found`, `invalid_argument` (ambiguous). */
const findSnapshot = async (
  engine: Engine,
  tenant: TenantId,
  text: string,
): Promise<{ readonly digest: Digest; readonly manifest: Manifest }> => {
  const { snapshots } = engine.deps;
  const prefix = digestPrefix(text);
  const manifest = prefix === undefined ? undefined : await snapshots.find(tenant, prefix);
  if (prefix !== undefined && manifest !== undefined) return { digest: prefix, manifest };
  const candidates = prefix === undefined ? [] : await snapshots.listDigests(tenant, prefix, maxCandidates);
  if (candidates.length > 1) throw ambiguous('snapshot', text, candidates);
  const [digest] = candidates;
  const found = digest === undefined ? undefined : await snapshots.find(tenant, digest);
  if (digest === undefined || found === undefined) {
    throw new DomainError('not_found', `there is no snapshot ${text}`, { digest: text });
  }
  return { digest, manifest: found };
};

/** The manifest of a sealed snapshot and its sizes. Throws `not_found`, `invalid_argument` (ambiguous). */
export const inspectSnapshot = async (engine: Engine, tenant: TenantId, text: string): Promise<InspectedSnapshot> => {
  const { digest } = await findSnapshot(engine, tenant, text);
  const sealed = await engine.sealed.load(tenant, digest);
  let uncompressedBytes = 0;
  for (const bytes of sealed.parts.values()) uncompressedBytes += bytes.byteLength;
  const bytes = engine.sealed.envelope(sealed, []).byteLength;
  return { digest, manifest: sealed.manifest, bytes, uncompressedBytes };
};

/** The whole snapshot as a file; the bytes are the caller's own. Throws like `inspectSnapshot`. */
export const exportSnapshot = async (engine: Engine, tenant: TenantId, text: string): Promise<Uint8Array> => {
  const { digest } = await findSnapshot(engine, tenant, text);
  return engine.sealed.envelope(await engine.sealed.load(tenant, digest), []).slice();
};

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
export const diffManifests = (a: Manifest, b: Manifest): Omit<SnapshotDiff, 'a' | 'b'> => {
  const before = byName(a);
  const after = byName(b);
  const added: SnapshotDiffPart[] = [];
  const removed: SnapshotDiffPart[] = [];
  const changed: SnapshotDiffPart[] = [];
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

/** What changed from one snapshot to another. Throws like `inspectSnapshot`. */
export const diffSnapshots = async (engine: Engine, tenant: TenantId, a: string, b: string): Promise<SnapshotDiff> => {
  const before = await findSnapshot(engine, tenant, a);
  const after = await findSnapshot(engine, tenant, b);
  return { a: before.digest, b: after.digest, ...diffManifests(before.manifest, after.manifest) };
};
