export type { BuildDeps, BuildRequest, BuiltSnapshot } from './build-snapshot.ts';
export { buildSnapshot } from './build-snapshot.ts';
export { declaredSecrets } from './declared-secrets.ts';
export { decodeEnvelope, encodeEnvelope, snapshotFormats } from './envelope.ts';
export { fullPayloadBytes } from './format-one.ts';
export { hydrate } from './hydrate.ts';
export {
  makeManifest,
  manifestBytes,
  maxAttachedPartBytes,
  missingParts,
  missingPartsBySize,
  parseManifest,
} from './manifest.ts';
export { PartCache } from './part-cache.ts';
export { decodePart, encodePart } from './part-codec.ts';
export type { MemoryContent, PartContents } from './part-content.ts';
export { decodePartMember, encodePartMember, encodePartMemberSlowly } from './part-member.ts';
export type { Pause } from './slices.ts';
export type { Envelope, SnapshotFormat } from './snapshot-format.ts';
export { formatOf } from './snapshot-format.ts';
export type { CachingSnapshotOpener, OpenerDeps, SnapshotFetchers } from './snapshot-opener.ts';
export { createSnapshotOpener } from './snapshot-opener.ts';
export type { HeldBytes, VerifiedSnapshot, VerifyDeps } from './verify-snapshot.ts';
export { verifySnapshot } from './verify-snapshot.ts';
