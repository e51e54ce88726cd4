import { commonFormat } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { formatTwo } from '../test/format-two.ts';
import { goodParts, hasher, limits, seal } from '../test/sealed.ts';
import { decodeEnvelope, snapshotFormats } from './envelope.ts';
import { formatOne } from './format-one.ts';
import { gzip } from './gzip.ts';
import { formatHead, formatOf, type SnapshotFormat } from './snapshot-format.ts';
import { createSnapshotOpener } from './snapshot-opener.ts';

const good = seal(goodParts);
const both = [formatOne, formatTwo];
const open = (formats: readonly SnapshotFormat[] | undefined, envelope: Uint8Array) => {
  const opener = createSnapshotOpener({
    hasher,
    limits,
    maxCacheBytes: 1_000_000,
    ...(formats === undefined ? {} : { formats }),
  });
  const never = () => Promise.reject(new Error('fetched'));
  return opener.open({ digest: good.digest, envelope }, { fetchEnvelope: never, fetchPart: never });
};

describe('snapshots in several formats', () => {
  test('have one digest, whatever format they travelled in', async () => {
    for (const [reader, writer] of [
      [both, formatOne],
      [both, formatTwo],
      [[formatTwo], formatTwo],
      [undefined, formatOne],
    ] as const) {
      const stores = await open(reader, writer.encode(good.manifest, good.parts, limits));
      expect(stores.digest).toBe(good.digest);
      expect(stores.memory()[0]?.text).toBe('remember');
    }
    expect(formatTwo.encode(good.manifest, good.parts, limits)).not.toEqual(good.envelope());
  });

  test('are refused by a reader that does not know theirs, which says what it got and what it knows', async () => {
    const opening = open(undefined, formatTwo.encode(good.manifest, good.parts, limits));
    await expect(opening).rejects.toMatchObject({
      code: 'snapshot_invalid',
      message: 'format version 2, but this build knows 1',
      details: { reason: 'unknown_version', got: 2, known: [1] },
    });
    const newer = gzip(new Uint8Array([...formatHead(513), 1, 2, 3]));
    expect(() => decodeEnvelope(newer, limits, both)).toThrow('format version 513, but this build knows 1, 2');
  });

  test('are told apart before more than their beginning is inflated', () => {
    const few = { ...limits, maxBytes: 1_000_000 };
    const content = new Uint8Array(2 * few.maxBytes);
    content.set(formatHead(7));
    expect(() => decodeEnvelope(gzip(content), few)).toThrow('format version 7');
  });

  test('leave coordinator and worker with the highest that both know, or none', () => {
    const versions = (formats: readonly SnapshotFormat[]) => formats.map(({ version }) => version);
    const agreed = (reader: readonly SnapshotFormat[], writer: readonly SnapshotFormat[]) =>
      commonFormat(versions(reader), versions(writer));
    expect(agreed(both, snapshotFormats)).toBe(1);
    expect(agreed(both, both)).toBe(2);
    expect(agreed(snapshotFormats, both)).toBe(1);
    expect(agreed(snapshotFormats, [formatTwo])).toBeUndefined();
    expect(formatOf(agreed(both, both) as number, both)).toBe(formatTwo);
    expect(() => formatOf(2, snapshotFormats)).toThrow('format version 2, but this build knows 1');
  });
});
