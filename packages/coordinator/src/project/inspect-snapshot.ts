import type { Digest, Manifest, TenantId } from '@skein/domain';
import { DomainError, diffManifests } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { ambiguous, digestPrefix } from './digest-prefix.ts';
import type { InspectedSnapshot, SnapshotDiff } from './snapshot-views.ts';

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
  const { byteLength: bytes } = await engine.sealed.envelope(sealed, []);
  return { digest, manifest: sealed.manifest, bytes, uncompressedBytes };
};

/** The whole snapshot as a file; the bytes are the caller's own. Throws like `inspectSnapshot`. */
export const exportSnapshot = async (engine: Engine, tenant: TenantId, text: string): Promise<Uint8Array> => {
  const { digest } = await findSnapshot(engine, tenant, text);
  const envelope = await engine.sealed.envelope(await engine.sealed.load(tenant, digest), []);
  return envelope.slice();
};

/** What changed from one snapshot to another. Throws like `inspectSnapshot`. */
export const diffSnapshots = async (engine: Engine, tenant: TenantId, a: string, b: string): Promise<SnapshotDiff> => {
  const before = await findSnapshot(engine, tenant, a);
  const after = await findSnapshot(engine, tenant, b);
  return { a: before.digest, b: after.digest, ...diffManifests(before.manifest, after.manifest) };
};
