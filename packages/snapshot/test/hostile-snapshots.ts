import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import { canonicalBytes, type Digest, type JsonValue } from '@skein/domain';
import { createSeededRandom } from '@skein/testkit';
import { gunzip, gzip } from '../src/gzip.ts';
import { encodePart } from '../src/part-codec.ts';
import { hostileParts } from './hostile-parts.ts';
import { agentOf, bytesOf, goodParts, hasher, type LoosePart, limits, seal, skillOf } from './sealed.ts';

const MiB = 1024 * 1024;

/** Bytes that must be refused, and how: the reason of `snapshot_invalid`, or another code; a pattern where chance decides which. */
export interface Hostile {
  readonly name: string;
  readonly outcome: string | RegExp;
  readonly digest: Digest;
  readonly make: () => Uint8Array;
}

const anyDigest: Digest = 'sha256:'.padEnd(71, '0');
const good = seal(goodParts);
const file = good.envelope();

/** What a flipped bit may end in; one in the padding of a block changes nothing. */
export const flippedOutcome =
  /^(bad_gzip|bad_crc|bad_length|truncated|trailing_bytes|second_member|too_large|unknown_version|accepted)$/;

const raw = (name: string, outcome: Hostile['outcome'], make: () => Uint8Array, digest = good.digest): Hostile => ({
  name,
  outcome,
  digest,
  make,
});

const joined = (...pieces: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(pieces));

/** A gzip member that never comes to its end: the same blocks until there are `length` bytes. */
export const endless = (block: Uint8Array, length: number): Uint8Array => {
  const blocks = deflateRawSync(block, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const header = gzip(new Uint8Array(0)).subarray(0, 10);
  const bytes = new Uint8Array(length);
  bytes.set(header);
  for (let at = header.length; at + blocks.length <= bytes.length; at += blocks.length) bytes.set(blocks, at);
  return bytes;
};

/** The whole payload of a bomb behind a good beginning, with a trailer that says nothing true. */
const bombBehind = (start: Uint8Array, zeros: number): Uint8Array => {
  const content = new Uint8Array(start.length + zeros);
  content.set(start);
  return joined(gzip(new Uint8Array(0)).subarray(0, 10), deflateRawSync(content, { level: 9 }), new Uint8Array(8));
};

/** The good file with its inner bytes changed and everything around them right. */
const repacked = (change: (payload: Uint8Array, view: DataView) => Uint8Array | void): Uint8Array => {
  const payload = gunzip(file, limits.maxBytes);
  return gzip(change(payload, new DataView(payload.buffer)) ?? payload);
};

/** An envelope of a manifest that is these bytes, and no parts. */
const withManifest = (name: string, outcome: string, value: JsonValue | Uint8Array): Hostile => {
  const bytes = value instanceof Uint8Array ? value : canonicalBytes(value);
  return raw(
    name,
    outcome,
    () => {
      const payload = new Uint8Array(18 + bytes.length);
      payload.set(gunzip(file, limits.maxBytes).subarray(0, 10));
      new DataView(payload.buffer).setUint32(10, bytes.length);
      payload.set(bytes, 18);
      return gzip(payload);
    },
    hasher.digest(bytes),
  );
};

const withParts = (name: string, outcome: string, parts: readonly LoosePart[]): Hostile => {
  const sealed = seal(parts);
  return raw(name, outcome, () => sealed.envelope(), sealed.digest);
};

/** Damage to one whole member that is right otherwise. */
const damaged = (file: Uint8Array): readonly Hostile[] => {
  const random = createSeededRandom(7);
  return [
    raw('nothing', 'truncated', () => new Uint8Array(0)),
    ...Array.from({ length: 100 }, (_, percent) =>
      raw(`cut at ${percent} %`, 'truncated', () => file.slice(0, Math.floor((file.length * percent) / 100))),
    ),
    ...Array.from({ length: 1_000 }, (_, flip) => {
      const bit = random.integer(file.length * 8);
      return raw(`flip ${flip} of bit ${bit}`, flippedOutcome, () => {
        const bytes = file.slice();
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        return bytes;
      });
    }),
    raw('a wrong checksum', 'bad_crc', () => {
      const bytes = file.slice();
      new DataView(bytes.buffer).setUint32(bytes.length - 8, 0xdeadbeef);
      return bytes;
    }),
    raw('a wrong length', 'bad_length', () => {
      const bytes = file.slice();
      new DataView(bytes.buffer).setUint32(bytes.length - 4, 1, true);
      return bytes;
    }),
    ...[1, 2, 3, 4, 9_000].map((count) =>
      raw(`${count} trailing bytes`, 'trailing_bytes', () => joined(file, new Uint8Array(count))),
    ),
    raw('a second member', 'second_member', () => joined(file, file)),
    raw('the header of another tool', 'bad_gzip', () => new Uint8Array(gzipSync(bytesOf('x')))),
    raw('text', 'bad_gzip', () => bytesOf('not gzip at all, but long enough to be a member')),
  ];
};

const bombs = (): readonly Hostile[] => {
  const bomb = () => endless(new Uint8Array(8 * MiB), limits.maxCompressedBytes);
  return [
    raw('zeros without end', 'too_large', bomb),
    raw('text without end', 'too_large', () => endless(bytesOf('{},'.repeat(2 * MiB)), limits.maxCompressedBytes)),
    raw('a bomb behind a good manifest', 'too_large', () =>
      bombBehind(gunzip(file, limits.maxBytes).subarray(0, 600), 256 * MiB),
    ),
    raw('one byte more than the limit', 'too_large', () => gzip(new Uint8Array(limits.maxBytes + 1))),
    raw('a bomb in a second member', 'second_member', () => joined(file, bomb().subarray(0, 2 * MiB))),
    raw('a thousand members that are bombs', 'second_member', () => {
      const one = gzipSync(new Uint8Array(MiB));
      return joined(file, ...Array.from({ length: 1_000 }, () => one));
    }),
    raw('a bomb in a bomb', 'bad_manifest', () => gzip(bombBehind(new Uint8Array(0), 256 * MiB))),
    raw('as many zeros as the limit', 'bad_manifest', () => gzip(new Uint8Array(limits.maxBytes))),
    raw('more compressed bytes than the limit', 'too_large', () => new Uint8Array(limits.maxCompressedBytes + 1)),
  ];
};

const framed = (): readonly Hostile[] => [
  raw('another magic', 'bad_manifest', () => repacked((payload) => payload.fill(0, 0, 1))),
  raw('format version 2', 'unknown_version', () => repacked((_, view) => view.setUint16(8, 2))),
  raw('format version 65535', 'unknown_version', () => repacked((_, view) => view.setUint16(8, 65_535))),
  raw('an overlong manifest', 'bad_length', () => repacked((_, view) => view.setUint32(10, 0xffffffff))),
  raw('four billion parts', 'bad_length', () => repacked((_, view) => view.setUint32(14, 0xffffffff))),
  raw('too few parts', 'trailing_bytes', () => repacked((_, view) => view.setUint32(14, 1))),
  raw('bytes after the last part', 'trailing_bytes', () => repacked((payload) => joined(payload, new Uint8Array(1)))),
  raw('a part that no manifest lists', 'unexpected_part', () =>
    repacked((_, view) => view.setUint32(18 + view.getUint32(10), 99)),
  ),
  raw('a part of an overlong length', 'bad_length', () =>
    repacked((_, view) => view.setUint32(22 + view.getUint32(10), 0xffffffff)),
  ),
  raw('another byte in a part', 'digest_mismatch', () => repacked((payload) => payload.fill(0x20, -1))),
  raw('too few bytes for a head', 'bad_manifest', () => repacked((payload) => payload.slice(0, 17))),
  raw('an empty content', 'bad_manifest', () => gzip(new Uint8Array(0))),
];

const entry = { kind: 'soul', name: 'calm', size: 3, digest: anyDigest, askedBy: ['daily/x'] };

const manifests = (): readonly Hostile[] => {
  const listing = (...parts: JsonValue[]): JsonValue => ({ formatVersion: 1, parts });
  return [
    withManifest('a manifest without parts', 'bad_manifest', listing()),
    withManifest('a manifest of version 2', 'unknown_version', { formatVersion: 2, parts: [entry] }),
    withManifest('a manifest that is a list', 'bad_manifest', [entry]),
    withManifest('a manifest that is text', 'bad_manifest', 'manifest'),
    withManifest('a manifest with a kind that is a number', 'bad_manifest', listing({ ...entry, kind: 3 })),
    withManifest('a manifest with a size that is text', 'bad_manifest', listing({ ...entry, size: '3' })),
    withManifest('a manifest with a size beyond all whole numbers', 'bad_manifest', listing({ ...entry, size: 1e300 })),
    withManifest('a manifest with a negative size', 'bad_manifest', listing({ ...entry, size: -1 })),
    withManifest('a manifest with a digest that is a path', 'bad_manifest', listing({ ...entry, digest: '../../x' })),
    withManifest('a manifest with askers that are text', 'bad_manifest', listing({ ...entry, askedBy: 'daily/x' })),
    withManifest('a manifest with a field more', 'bad_manifest', listing({ ...entry, url: 'http://example.com' })),
    withManifest('a manifest with a part twice', 'bad_manifest', listing(entry, entry)),
    withManifest('a manifest with a part over its limit', 'too_large', listing({ ...entry, size: 600 * 1024 })),
    withManifest(
      'a manifest with more than the limit in all',
      'too_large',
      listing(...['a', 'b', 'c', 'd', 'e'].map((name) => ({ ...entry, kind: 'skill', name, size: 4 * MiB }))),
    ),
    withManifest('a manifest whose parts do not come', 'missing_part', listing({ ...entry, size: 60 * 1024 })),
    withManifest('a manifest of empty objects', 'too_large', bytesOf(`[${'{},'.repeat(5 * MiB)}{}]`)),
    withManifest('a manifest of half a million empty objects', 'bad_json', bytesOf(`[${'0,'.repeat(250_000)}0]`)),
    withManifest('a manifest nested 10,000 deep', 'bad_json', bytesOf('['.repeat(10_000))),
    withManifest('a manifest with a key twice', 'bad_json', bytesOf('{"formatVersion":1,"formatVersion":1}')),
    ...['__proto__', 'constructor', 'prototype', '\\u005f_proto__'].map((key) =>
      withManifest(`a manifest with the key ${key}`, 'bad_json', bytesOf(`{"${key}":{},"formatVersion":1}`)),
    ),
    withManifest('a manifest with a lone surrogate', 'bad_json', bytesOf('["\\udfff"]')),
    withManifest('a manifest that is no UTF-8', 'bad_json', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22)),
    withManifest('a manifest that is not canonical', 'bad_manifest', bytesOf('{"parts":[],"formatVersion":1}')),
    withManifest('a manifest that is cut', 'bad_json', bytesOf('{"formatVersion":1,"parts":[{')),
  ];
};

const parts = (): readonly Hostile[] => [
  ...hostileParts().map(({ name, outcome, part }) => withParts(`a part: ${name}`, outcome, [part])),
  withParts(
    'an agent without its skill',
    'missing_part',
    goodParts.filter(({ kind }) => kind !== 'skill'),
  ),
  withParts(
    'an agent without its tools',
    'missing_part',
    goodParts.filter(({ kind }) => kind !== 'tools'),
  ),
  withParts('an agent with a sub-agent that is outside', 'missing_part', [
    ...goodParts.filter(({ kind }) => kind !== 'agent'),
    { kind: 'agent', bytes: agentOf({ subAgents: { other: anyDigest as string } }) },
  ]),
  withParts('a soul that calls itself otherwise', 'bad_part', [
    {
      kind: 'soul',
      name: 'calm',
      bytes: encodePart('soul', { id: 'x'.repeat(9_000), name: '', description: '', content: '' }),
    },
  ]),
  withParts(
    'three parts that share a budget of values',
    'bad_json',
    [1, 2, 3].map((index) => ({
      kind: 'skill',
      name: `s${index}`,
      bytes: bytesOf(`[${index}${',{}'.repeat(1.3 * MiB)}]`),
    })),
  ),
  withParts(
    '100,000 tiny files in four skills',
    'too_large',
    [1, 2, 3, 4].map(() => ({
      kind: 'skill',
      name: 'deploy',
      bytes: skillOf(Array.from({ length: 25_000 }, (_, index) => ({ path: `f${index}` }))),
    })),
  ),
];

/** Every kind of damage and malice that we know, as whole envelopes. */
export const hostileSnapshots = (): readonly Hostile[] => [
  ...damaged(file),
  raw('another digest', 'digest_mismatch', () => file, anyDigest),
  ...bombs(),
  ...framed(),
  ...manifests(),
  ...parts(),
];

/** Every kind of damage and malice that we know, as members of one part with these bytes. */
export const hostileMembers = (content: Uint8Array): readonly Hostile[] => {
  const member = gzip(content);
  const other = content.slice();
  other[other.length >> 1] = 0x7e;
  return [
    ...damaged(member),
    raw('another part of the same size', 'digest_mismatch', () => gzip(other)),
    raw('a shorter part', 'bad_length', () => gzip(content.subarray(1))),
    raw('a longer part', 'too_large', () => gzip(joined(content, new Uint8Array(1)))),
    raw('a bomb', 'too_large', () => bombBehind(content, 64 * MiB)),
    raw('zeros without end', 'too_large', () => endless(new Uint8Array(MiB), content.length)),
    raw('a bomb in a second member', 'second_member', () =>
      joined(member, gzipSync(new Uint8Array(64 * MiB)).subarray(0, 5_000)),
    ),
  ];
};
