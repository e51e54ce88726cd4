import { z } from '@hono/zod-openapi';
import { digest } from './values.ts';

const bytes = z.number().int().min(0);
const partKind = z.enum(['agent', 'model', 'soul', 'skill', 'tools', 'memory']);

/** A snapshot in a path or query: its digest, or at least 6 hex digits with which it begins. */
export const snapshotName = z
  .string()
  .regex(/^(?:sha256:)?[0-9a-f]{6,64}$/, 'must be a digest, or at least 6 hex digits of one')
  .openapi({ description: 'A digest, or at least 6 hex digits with which it begins.' });

/** A sealed snapshot, as documented. */
export const snapshotSchema = z
  .object({
    digest,
    bytes: bytes.openapi({ description: 'The whole envelope, compressed.' }),
    uncompressedBytes: bytes,
    manifest: z.object({
      formatVersion: z.number().int(),
      parts: z.array(
        z.object({
          kind: partKind,
          name: z.string(),
          size: bytes,
          digest,
          askedBy: z.array(z.string()).openapi({ description: 'The first steps that ask for it: `DAG/step`.' }),
        }),
      ),
    }),
  })
  .openapi('Snapshot');

const side = z.object({ digest, size: bytes });
const diffPart = z
  .object({ kind: partKind, name: z.string(), before: side.optional(), after: side.optional() })
  .openapi('SnapshotDiffPart');

/** What changed between two snapshots, as documented. */
export const snapshotDiffSchema = z
  .object({
    a: digest,
    b: digest,
    added: z.array(diffPart),
    removed: z.array(diffPart),
    changed: z.array(diffPart),
    same: bytes.openapi({ description: 'Parts that both hold.' }),
  })
  .openapi('SnapshotDiff');
