import { expect, test } from 'vitest';
import { diffManifests } from './diff-manifests.ts';
import type { Manifest, ManifestPart } from './manifest.ts';

const part = (kind: ManifestPart['kind'], name: string, digest: string): ManifestPart => ({
  kind,
  name,
  digest: `sha256:${digest}`,
  size: digest.length,
  askedBy: [],
});
const manifest = (...parts: ManifestPart[]): Manifest => ({ formatVersion: 1, parts });

test('two versions of one agent are one changed part, and parts of one name are paired in their order', () => {
  const a = manifest(part('agent', 'writer@sha256:a', 'a'), part('tools', 'tools', 't1'), part('tools', 'tools', 't2'));
  const b = manifest(
    part('agent', 'writer@sha256:b', 'b'),
    part('tools', 'tools', 't2'),
    part('tools', 'tools', 't333'),
  );
  expect(diffManifests(a, b)).toEqual({
    added: [],
    removed: [],
    changed: [
      {
        kind: 'agent',
        name: 'writer',
        before: { digest: 'sha256:a', size: 1 },
        after: { digest: 'sha256:b', size: 1 },
      },
      {
        kind: 'tools',
        name: 'tools',
        before: { digest: 'sha256:t1', size: 2 },
        after: { digest: 'sha256:t333', size: 4 },
      },
    ],
    same: 1,
  });
});
