import {
  canonicalJson,
  type Digest,
  defaultSnapshotLimits,
  type JsonValue,
  type PartKind,
  type Problem,
} from '@skein/domain';
import type { Hasher, StoredPart } from '@skein/ports';

/** The parts of a project, each once, addressed by the digest of its canonical JSON. */
export interface PartBook {
  /** Encodes and keeps a part; `file` is named when the part is too large. Idempotent; equal content of one name is one part. */
  add(kind: PartKind, name: string, content: unknown, file: string): Digest;
  parts(): readonly StoredPart[];
  readonly problems: readonly Problem[];
}

const encoder = new TextEncoder();

/** An empty book. */
export const createPartBook = (hasher: Hasher): PartBook => {
  const byKey = new Map<string, StoredPart>();
  const problems: Problem[] = [];
  return {
    problems,
    add: (kind, name, content, file) => {
      const bytes = encoder.encode(canonicalJson(content as JsonValue));
      const digest = hasher.digest(bytes);
      const { maxPartBytes, maxJsonPartBytes } = defaultSnapshotLimits;
      const limit = kind === 'skill' ? maxPartBytes : maxJsonPartBytes;
      const key = `${kind} ${name} ${digest}`;
      if (bytes.length > limit && !byKey.has(key)) {
        const message = `${kind === name ? `the ${kind}` : `${kind} ${name}`} ${kind === 'tools' ? 'have' : 'has'} ${bytes.length} bytes`;
        problems.push({ message, file, expected: `at most ${limit}`, code: 'too_large' });
      }
      byKey.set(key, { kind, name, digest, bytes });
      return digest;
    },
    parts: () => [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part),
  };
};
