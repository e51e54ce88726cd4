import { canonicalBytes, type Digest, DomainError, type JsonValue } from '@skein/domain';
import { createSeededRandom } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf, goodParts as entries, hasher, limits, seal, skillOf } from '../test/sealed.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import { fullPayloadBytes } from './format-one.ts';
import { gunzip, gzip } from './gzip.ts';
import { hydrate } from './hydrate.ts';
import { makeManifest, manifestBytes, maxAttachedPartBytes, missingParts, missingPartsBySize } from './manifest.ts';
import { encodePart } from './part-codec.ts';
import { verifySnapshot } from './verify-snapshot.ts';

const deps = { hasher, limits };
const good = seal(entries);
const file = good.envelope();

/** Opens bytes as a worker does; how it ended, in one word. */
const outcomeOf = (envelope: Uint8Array, digest: Digest = good.digest): string => {
  try {
    hydrate(verifySnapshot(deps, digest, { envelope }), limits);
    return 'accepted';
  } catch (thrown) {
    if (!(thrown instanceof DomainError)) return `threw ${String(thrown)}`;
    return (thrown.details?.['reason'] as string | undefined) ?? thrown.code;
  }
};
const outcomeOfParts = (parts: Parameters<typeof seal>[0]): string => {
  const sealed = seal(parts);
  return outcomeOf(encodeEnvelope(sealed.manifest, sealed.parts, limits), sealed.digest);
};
/** The file with its inner bytes changed and everything around them right. */
const repacked = (change: (payload: Uint8Array, view: DataView) => Uint8Array | undefined): Uint8Array => {
  const payload = gunzip(file, limits.maxBytes);
  return gzip(change(payload, new DataView(payload.buffer)) ?? payload);
};
const withManifest = (value: JsonValue | Uint8Array): { envelope: Uint8Array; digest: Digest } => {
  const bytes = value instanceof Uint8Array ? value : canonicalBytes(value);
  const payload = new Uint8Array(18 + bytes.length);
  payload.set(gunzip(file, limits.maxBytes).subarray(0, 10));
  new DataView(payload.buffer).setUint32(10, bytes.length);
  payload.set(bytes, 18);
  return { envelope: gzip(payload), digest: hasher.digest(bytes) };
};

describe('a snapshot', () => {
  test('comes back whole from a file', () => {
    const verified = verifySnapshot(deps, good.digest, { envelope: file });
    expect(verified.manifest).toEqual(good.manifest);
    expect(new Map(verified.parts)).toEqual(good.parts);
    expect(fullPayloadBytes(good.manifest)).toBe(gunzip(file, limits.maxBytes).length);
  });

  test('of equal content is equal bytes, in whatever order its parts were found', () => {
    const other = seal(entries.toReversed());
    expect(other.digest).toBe(good.digest);
    expect(encodeEnvelope(other.manifest, new Map([...other.parts].reverse()), limits)).toEqual(file);
    expect(hasher.digest(file)).toMatchInlineSnapshot(
      `"sha256:397f405ea9ad71c1fe87eec8b7854cf94047d65675047ed0bbb5929eb9ae2736"`,
    );
  });

  test('travels with the missing parts only', () => {
    const held = new Map([...good.parts].slice(0, 3));
    const lacking = missingParts(good.manifest, held.keys());
    expect(lacking).toHaveLength(3);
    const envelope = encodeEnvelope(good.manifest, good.parts, limits, lacking);
    expect([...decodeEnvelope(envelope, limits).parts.keys()]).toEqual(lacking);
    const verified = verifySnapshot(deps, good.digest, { envelope, held: { read: (digest) => held.get(digest) } });
    expect(new Map(verified.parts)).toEqual(good.parts);
    expect(outcomeOf(envelope)).toBe('missing_part');
  });

  test('tells the small parts that it lacks from the large ones, which travel on their own', () => {
    const edge = seal([
      { kind: 'skill', name: 'a', bytes: new Uint8Array(maxAttachedPartBytes) },
      { kind: 'skill', name: 'b', bytes: new Uint8Array(maxAttachedPartBytes + 1) },
      { kind: 'skill', name: 'c', bytes: new Uint8Array(3) },
    ]);
    const namesOf = (held: readonly Digest[]) => {
      const { small, large } = missingPartsBySize(edge.manifest, held);
      return [small.map(({ name }) => name), large.map(({ name }) => name)];
    };
    expect(namesOf([])).toEqual([['a', 'c'], ['b']]);
    expect(namesOf([hasher.digest(new Uint8Array(3))])).toEqual([['a'], ['b']]);
    expect(namesOf([...edge.parts.keys()])).toEqual([[], []]);
  });

  test('is refused when what is held is not what its digest says', () => {
    const [first] = good.manifest.parts;
    const held = {
      read: (digest: Digest) => (digest === first?.digest ? new Uint8Array(first.size) : good.parts.get(digest)),
    };
    const envelope = encodeEnvelope(good.manifest, good.parts, limits, []);
    expect(() => verifySnapshot(deps, good.digest, { envelope, held })).toThrow(
      expect.objectContaining({ code: 'digest_mismatch' }),
    );
  });

  test('is refused when its manifest lies about the size of a part that is held', () => {
    const lying = makeManifest(good.manifest.parts.map((part, at) => (at === 0 ? { ...part, size: 1 } : part)));
    const envelope = encodeEnvelope(lying, good.parts, limits, []);
    const held = { read: (digest: Digest) => good.parts.get(digest) };
    expect(() => verifySnapshot(deps, hasher.digest(manifestBytes(lying)), { envelope, held })).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ reason: 'bad_length' }) as object }),
    );
  });

  test('of which nothing came and nothing is held is missing', () => {
    expect(() => verifySnapshot(deps, good.digest, {})).toThrow(
      expect.objectContaining({ details: { reason: 'missing_snapshot' } }),
    );
  });

  test('of any contents survives the round trip', () => {
    const text = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('😀', '\u0000', '\u2028'));
    const memories = fc.uniqueArray(
      fc.record({ scope: text.filter((scope) => scope !== ''), revision: fc.nat(), text }),
      {
        selector: ({ scope }) => scope,
        minLength: 1,
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(memories, fc.nat(), (views, seed) => {
        const sealed = seal(
          views.map((view) => ({ kind: 'memory', name: view.scope, bytes: encodePart('memory', view) }) as const),
        );
        const include = sealed.manifest.parts.filter((_, index) => (seed >> index) & 1).map((part) => part.digest);
        const envelope = encodeEnvelope(sealed.manifest, sealed.parts, limits, include);
        const held = { read: (digest: Digest) => (include.includes(digest) ? undefined : sealed.parts.get(digest)) };
        const stores = hydrate(verifySnapshot(deps, sealed.digest, { envelope, held }), limits);
        expect(new Map(stores.memory().map((view) => [view.scope, view]))).toEqual(
          new Map(views.map((view) => [view.scope, view])),
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('hostile bytes', () => {
  test('cut at every third percent are refused', () => {
    for (let percent = 0; percent < 100; percent += 3)
      expect(outcomeOf(file.slice(0, Math.floor((file.length * percent) / 100)))).toBe('truncated');
  });

  test('with any of 300 flipped bits are refused with a type, or are the same snapshot', () => {
    const random = createSeededRandom(7);
    for (let flip = 0; flip < 300; flip++) {
      const bytes = file.slice();
      const at = random.integer(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.integer(8));
      expect(outcomeOf(bytes)).toMatch(
        /^(bad_gzip|bad_crc|bad_length|truncated|trailing_bytes|second_member|too_large|accepted)$/,
      );
    }
  });

  test('with any flipped bit inside an intact gzip never pass', () => {
    const payload = gunzip(file, limits.maxBytes);
    const random = createSeededRandom(8);
    for (let flip = 0; flip < 300; flip++) {
      const bit = random.integer(payload.length * 8);
      const bytes = payload.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(outcomeOf(gzip(bytes))).toMatch(
        /^(bad_manifest|bad_json|bad_length|unknown_version|unexpected_part|trailing_bytes|missing_part|digest_mismatch|too_large)$/,
      );
    }
  });

  test.each([
    ['another magic', (payload: Uint8Array) => void payload.fill(0, 0, 1), 'bad_manifest'],
    ['another version', (_: Uint8Array, view: DataView) => view.setUint16(8, 2), 'unknown_version'],
    [
      'a longer manifest than there are bytes',
      (_: Uint8Array, view: DataView) => view.setUint32(10, 0xffffffff),
      'bad_length',
    ],
    ['more parts than follow', (_: Uint8Array, view: DataView) => view.setUint32(14, 7), 'bad_length'],
    ['fewer parts than follow', (_: Uint8Array, view: DataView) => view.setUint32(14, 5), 'trailing_bytes'],
    ['bytes after the last part', (payload: Uint8Array) => new Uint8Array([...payload, 0]), 'trailing_bytes'],
    [
      'a part that no manifest lists',
      (_: Uint8Array, view: DataView) => view.setUint32(18 + view.getUint32(10), 99),
      'unexpected_part',
    ],
    [
      'parts in another order',
      (_: Uint8Array, view: DataView) => view.setUint32(18 + view.getUint32(10), 1),
      'bad_length',
    ],
    [
      'a part of another length',
      (_: Uint8Array, view: DataView) => view.setUint32(22 + view.getUint32(10), 3),
      'bad_length',
    ],
    ['another byte in a part', (payload: Uint8Array) => void payload.fill(0x20, -1), 'digest_mismatch'],
    ['too few bytes for a head', (payload: Uint8Array) => payload.slice(0, 17), 'bad_manifest'],
  ])('with %s are refused', (_name, change, outcome) => {
    expect(outcomeOf(repacked((payload, view) => change(payload, view) ?? undefined))).toBe(outcome);
  });

  test('of another snapshot are refused, and the error names both digests', () => {
    const other = 'sha256:'.padEnd(71, '0');
    expect(() => verifySnapshot(deps, other, { envelope: file })).toThrow(
      expect.objectContaining({
        code: 'digest_mismatch',
        details: { what: 'the snapshot', expected: other, actual: good.digest },
      }),
    );
  });

  test('over the compressed limit are refused unread', () => {
    expect(() => decodeEnvelope(file, { ...limits, maxCompressedBytes: file.length - 1 })).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });
});

describe('a manifest', () => {
  const part = { kind: 'soul', name: 'calm', size: 3, digest: hasher.digest('abc'), askedBy: ['daily/x'] };
  const manifestOf = (...parts: JsonValue[]): JsonValue => ({ formatVersion: 1, parts });

  test.each<[string, JsonValue | Uint8Array, string]>([
    ['with an unknown version', { formatVersion: 2, parts: [] }, 'unknown_version'],
    ['with a version that is text', { formatVersion: '1', parts: [] }, 'unknown_version'],
    ['without a version', { parts: [] }, 'bad_manifest'],
    ['that is a list', [], 'bad_manifest'],
    ['with another field', { formatVersion: 1, parts: [], extra: 1 }, 'bad_manifest'],
    ['with an unknown kind', manifestOf({ ...part, kind: 'secret' }), 'bad_manifest'],
    ['with an empty name', manifestOf({ ...part, name: '' }), 'bad_manifest'],
    ['with a short digest', manifestOf({ ...part, digest: 'sha256:00' }), 'bad_manifest'],
    ['with a negative size', manifestOf({ ...part, size: -1 }), 'bad_manifest'],
    ['with a broken size', manifestOf({ ...part, size: 1.5 }), 'bad_manifest'],
    ['without parts', manifestOf(), 'bad_manifest'],
    ['with an asker that is no text', manifestOf({ ...part, askedBy: [1] }), 'bad_manifest'],
    ['with an empty asker', manifestOf({ ...part, askedBy: [''] }), 'bad_manifest'],
    ['with five askers', manifestOf({ ...part, askedBy: ['a', 'b', 'c', 'd', 'e'] }), 'bad_manifest'],
    ['with an endless asker', manifestOf({ ...part, askedBy: ['x'.repeat(513)] }), 'bad_manifest'],
    ['with tools of another name', manifestOf({ ...part, kind: 'tools' }), 'bad_manifest'],
    ['with a field more in a part', manifestOf({ ...part, mode: 1 }), 'bad_manifest'],
    ['with a part twice', manifestOf(part, part), 'bad_manifest'],
    ['in another order', manifestOf({ ...part, name: 'z' }, part), 'bad_manifest'],
    [
      'with an agent whose version is not its digest',
      manifestOf({ ...part, kind: 'agent', name: 'a@v1' }),
      'bad_manifest',
    ],
    ['with a part over its limit', manifestOf({ ...part, size: limits.maxJsonPartBytes + 1 }), 'too_large'],
    [
      'with parts over the limit together',
      manifestOf(...['a', 'b', 'c', 'd'].map((name) => ({ ...part, kind: 'skill', name, size: limits.maxPartBytes }))),
      'too_large',
    ],
    ['that is no JSON', bytesOf('{"formatVersion":1,'), 'bad_json'],
    ['that is no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'bad_json'],
    ['with a key twice', bytesOf('{"formatVersion":1,"parts":[],"parts":[]}'), 'bad_json'],
    ['with a key that reaches a prototype', bytesOf('{"__proto__":{},"formatVersion":1,"parts":[]}'), 'bad_json'],
    ['nested 10,000 deep', bytesOf(`${'['.repeat(10_000)}${']'.repeat(10_000)}`), 'bad_json'],
    ['with a space', bytesOf('{"formatVersion":1, "parts":[]}'), 'bad_manifest'],
    ['with a byte order mark', bytesOf('\ufeff{"formatVersion":1,"parts":[]}'), 'bad_json'],
  ])('%s is refused', (_name, value, outcome) => {
    const { envelope, digest } = withManifest(value);
    expect(outcomeOf(envelope, digest)).toBe(outcome);
  });

  test('says which version it got and which are known', () => {
    const { envelope } = withManifest({ formatVersion: 9, parts: [] });
    expect(() => decodeEnvelope(envelope, limits)).toThrow('format version 9, but this build knows 1');
  });
});

describe('a part', () => {
  const soulOf = (text: string) => outcomeOfParts([{ kind: 'soul', name: 'x', bytes: bytesOf(text) }]);

  test.each([
    ['that is no JSON', '{', 'bad_json'],
    ['with a key twice', '{"id":"x","id":"x"}', 'bad_json'],
    ['with a key that reaches a prototype', '{"constructor":{"prototype":{}}}', 'bad_json'],
    ['with a lone surrogate', '{"id":"\\ud800"}', 'bad_json'],
    ['nested 10,000 deep', '['.repeat(10_000), 'bad_json'],
    ['with too many values', `[${'1,'.repeat(200_000)}1]`, 'bad_json'],
    ['without its fields', '{"id":"x"}', 'bad_part'],
    ['with a field that nobody reads', '{"content":"","description":"","id":"x","name":"","apiKey":"s"}', 'bad_part'],
    ['with another name than in the manifest', '{"content":"","description":"","id":"y","name":""}', 'bad_part'],
  ])('%s is refused', (_name, text, outcome) => {
    expect(soulOf(text)).toBe(outcome);
  });

  test.each([
    ['a path that escapes', [{ path: '../../etc/passwd' }], 'bad_path'],
    ['an absolute path', [{ path: '/etc/passwd' }], 'bad_path'],
    ['paths that differ in case only', [{ path: 'a' }, { path: 'A' }], 'bad_path'],
    ['the same path twice', [{ path: 'a' }, { path: 'a' }], 'bad_path'],
    ['content that is not base64', [{ path: 'a', content: '*', encoding: 'base64' as const }], 'bad_part'],
    ['too many files', Array.from({ length: 2_049 }, (_, index) => ({ path: `f${index}` })), 'too_large'],
  ])('that is a skill with %s is refused', (_name, files, outcome) => {
    expect(outcomeOfParts([{ kind: 'skill', name: 'deploy', bytes: skillOf(files) }])).toBe(outcome);
  });

  test('that an agent refers to must be there', () => {
    expect(outcomeOfParts(entries.filter(({ kind }) => kind !== 'skill'))).toBe('missing_part');
    expect(outcomeOfParts(entries)).toBe('accepted');
  });

  test('shares one budget of values with the others', () => {
    const many = (id: string) => {
      const parameters = { x: Array.from({ length: 120_000 }, () => 1) };
      return encodePart('model', { id, provider: 'offline', model: 'rules-1', parameters });
    };
    const parts = ['a', 'b'].map((name) => ({ kind: 'model', name, bytes: many(name) }) as const);
    expect(outcomeOfParts(parts.slice(0, 1))).toBe('accepted');
    expect(outcomeOfParts(parts)).toBe('bad_json');
  });
});
