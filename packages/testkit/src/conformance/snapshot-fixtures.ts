import type { Digest, Manifest } from '@skein/domain';
import { createNodeHasher } from '../node-hasher.ts';

const hasher = createNodeHasher();

/** A snapshot as it is saved. */
export interface SealedSnapshot {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly parts: ReadonlyMap<Digest, Uint8Array>;
}

/** A snapshot with a part for each text; equal texts are one part, wherever they are. */
export const sealed = (...texts: readonly string[]): SealedSnapshot => {
  const parts = new Map<Digest, Uint8Array>();
  const listed = texts.map((text, index) => {
    const bytes = new TextEncoder().encode(text);
    const digest = hasher.digest(bytes);
    parts.set(digest, bytes);
    return { kind: 'soul', name: `s${index}`, size: bytes.length, digest, askedBy: ['demo/a'] } as const;
  });
  const manifest: Manifest = { formatVersion: 1, parts: listed };
  return { digest: hasher.digest(JSON.stringify(manifest)), manifest, parts };
};
