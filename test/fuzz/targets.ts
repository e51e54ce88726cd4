import { deflateRawSync, inflateRawSync } from 'node:zlib';
import {
  canonicalBytes,
  type Digest,
  defaultSnapshotLimits,
  type JsonValue,
  type PartKind,
  type SnapshotLimits,
} from '@skein/domain';
import type { Random } from '@skein/ports';
import {
  createSnapshotOpener,
  decodeEnvelope,
  decodePart,
  decodePartMember,
  encodeEnvelope,
  encodePart,
  encodePartMember,
  makeManifest,
  manifestBytes,
  parseManifest,
} from '@skein/snapshot';
import { createNodeHasher } from '@skein/testkit';
import { mutateBytes, mutateJson } from './mutate.ts';
import { type SampleParts, sampleParts } from './sample-parts.ts';

/** Small, so that going over one shows at once. */
export const limits: SnapshotLimits = {
  ...defaultSnapshotLimits,
  maxCompressedBytes: 64 * 1024,
  maxBytes: 256 * 1024,
  maxPartBytes: 128 * 1024,
  maxJsonPartBytes: 64 * 1024,
  maxSkillFiles: 32,
  maxJsonNodes: 5_000,
};

const hasher = createNodeHasher();

/** Something that reads bytes. `run` throws typed errors for what it refuses, and an `AssertionFailed` for what must never be. */
export interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  mutate(random: Random, bytes: Uint8Array): Uint8Array;
  run(bytes: Uint8Array): Promise<void> | void;
}

/** A property that does not hold. */
export class AssertionFailed extends Error {}

const assert = (holds: boolean, what: string): void => {
  if (!holds) throw new AssertionFailed(what);
};

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/** The content of a member as long as it is one; else the bytes themselves. */
const unpack = (member: Uint8Array): Uint8Array => {
  try {
    return new Uint8Array(inflateRawSync(member.subarray(10), { maxOutputLength: limits.maxBytes }));
  } catch {
    return member;
  }
};

/** A member of this content that is right but, now and then, for its trailer. */
const pack = (random: Random, content: Uint8Array): Uint8Array => {
  const whole = encodePartMember(content);
  const deflated =
    random.integer(2) === 0 ? whole.subarray(10, -8) : deflateRawSync(content, { level: random.integer(10) });
  const trailer = whole.slice(-8);
  if (random.integer(8) === 0) trailer[random.integer(8)] = random.integer(256);
  return new Uint8Array(Buffer.concat([header, deflated, trailer]));
};

const manifestEnd = (payload: Uint8Array): number =>
  18 + new DataView(payload.buffer, payload.byteOffset).getUint32(10);

/** An envelope whose parts are changed and whose digests are right, so that what reads the parts is reached. */
const resealed = (random: Random, samples: SampleParts): Uint8Array => {
  const at = random.integer(samples.length);
  const parts = new Map<Digest, Uint8Array>();
  const manifest = makeManifest(
    samples.map(({ kind, name, bytes }, index) => {
      const changed = index === at ? mutatePart(random, bytes) : bytes;
      const digest = hasher.digest(changed);
      parts.set(digest, changed);
      const called = kind === 'agent' ? `${name}@${digest}` : name;
      return { kind, name: called, size: changed.length, digest, askedBy: ['daily/x'] };
    }),
  );
  return encodeEnvelope(manifest, parts, { ...limits, maxCompressedBytes: Number.MAX_SAFE_INTEGER });
};

const parse = (bytes: Uint8Array): JsonValue | undefined => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as JsonValue;
  } catch {
    return undefined;
  }
};

/** Changed as JSON when it is some, else, and sometimes anyway, as bytes. */
const mutatePart = (random: Random, bytes: Uint8Array): Uint8Array => {
  const value = random.integer(3) === 0 ? undefined : parse(bytes);
  if (value === undefined) return mutateBytes(random, bytes);
  try {
    return canonicalBytes(mutateJson(random, value));
  } catch {
    return mutateBytes(random, bytes);
  }
};

const envelopeTarget = (samples: SampleParts): Target => ({
  name: 'envelope',
  seeds: [sealedSamples(samples)],
  mutate: (random, bytes) => {
    const kind = random.integer(10);
    if (kind < 2) return mutateBytes(random, bytes);
    if (kind < 5) return resealed(random, samples);
    const payload = unpack(bytes);
    if (kind < 7 || payload.length < 18 || manifestEnd(payload) > payload.length) {
      return pack(random, mutateBytes(random, payload));
    }
    const end = manifestEnd(payload);
    const manifest = mutatePart(random, payload.subarray(18, end));
    const head = payload.slice(0, 18);
    new DataView(head.buffer).setUint32(10, manifest.length);
    return pack(random, new Uint8Array(Buffer.concat([head, manifest, payload.subarray(end)])));
  },
  run: async (bytes) => {
    const before = bytes.slice();
    const envelope = decodeEnvelope(bytes, limits);
    assert(envelope.manifestBytes.buffer.byteLength <= limits.maxBytes, 'the buffer is larger than the limit');
    const digest = hasher.digest(envelope.manifestBytes);
    assert(same(manifestBytes(makeManifest(envelope.manifest.parts)), envelope.manifestBytes), 'another manifest');
    const again = decodeEnvelope(
      encodeEnvelope(envelope.manifest, envelope.parts, limits, envelope.parts.keys()),
      limits,
    );
    assert(hasher.digest(again.manifestBytes) === digest, 'another digest after it was encoded again');
    for (const [part, content] of envelope.parts) {
      assert(same(content, again.parts.get(part) ?? new Uint8Array(0)), 'another part after it was encoded again');
    }
    const opener = createSnapshotOpener({ hasher, limits, maxCacheBytes: 2 * limits.maxBytes });
    const stores = await opener.open(
      { digest, envelope: bytes },
      { fetchEnvelope: async () => bytes, fetchPart: async () => encodePartMember(new Uint8Array(1)) },
    );
    assert(stores.digest === digest, 'stores of another digest');
    assert(opener.held().includes(digest), 'an opened snapshot is not held');
    // Whatever is read from the stores is readable.
    for (const part of envelope.manifest.parts) if (part.kind === 'skill') JSON.stringify(stores.skill(part.digest));
    assert(same(bytes, before), 'the input was changed');
  },
});

const sealedSamples = (samples: SampleParts): Uint8Array => {
  const parts = new Map(samples.map(({ bytes }) => [hasher.digest(bytes), bytes]));
  const manifest = makeManifest(
    samples.map(({ kind, name, bytes }) => {
      const digest = hasher.digest(bytes);
      return {
        kind,
        name: kind === 'agent' ? `${name}@${digest}` : name,
        size: bytes.length,
        digest,
        askedBy: ['daily/x'],
      };
    }),
  );
  return encodeEnvelope(manifest, parts, limits);
};

const manifestTarget = (samples: SampleParts): Target => ({
  name: 'manifest',
  seeds: [decodeEnvelope(sealedSamples(samples), limits).manifestBytes.slice()],
  mutate: mutatePart,
  run: (bytes) => {
    const manifest = parseManifest(bytes, limits);
    assert(same(manifestBytes(manifest), bytes), 'an accepted manifest is not its own canonical form');
    assert(same(manifestBytes(makeManifest(manifest.parts)), bytes), 'another order after it was made again');
  },
});

const memberTarget = (samples: SampleParts): Target => {
  const [{ kind, name, bytes: content }] = samples;
  const part = { kind, name, size: content.length, digest: hasher.digest(content), askedBy: [] };
  return {
    name: 'part-member',
    seeds: samples.map(({ bytes }) => encodePartMember(bytes)),
    mutate: (random, bytes) =>
      random.integer(2) === 0 ? mutateBytes(random, bytes) : pack(random, mutateBytes(random, unpack(bytes))),
    run: (bytes) => {
      const decoded = decodePartMember(bytes, part, { hasher, limits });
      assert(same(decoded, content), 'other bytes under the same digest');
      assert(same(encodePartMember(decoded), encodePartMember(content)), 'another member of the same bytes');
    },
  };
};

const partTarget = (kind: PartKind, samples: SampleParts): Target => ({
  name: `part-${kind}`,
  seeds: samples.filter((sample) => sample.kind === kind).map(({ bytes }) => bytes),
  mutate: mutatePart,
  run: (bytes) => {
    const content = decodePart(kind, bytes, kind, limits);
    const encoded = encodePart(kind, content as never);
    const again = decodePart(kind, encoded, kind, limits);
    assert(same(encodePart(kind, again as never), encoded), 'another part after it was encoded again');
    assert(JSON.stringify(parse(bytes)) === JSON.stringify(content), 'another value than the parser reads');
    const text = new TextDecoder().decode(encoded);
    assert(!/"(?:__proto__|constructor|prototype)":/.test(text), 'a key that reaches a prototype was let in');
    assert(Object.isFrozen(content), 'the content can be changed');
  },
});

const kinds: readonly PartKind[] = ['agent', 'model', 'soul', 'skill', 'tools', 'memory'];

/** All that is fuzzed. */
export const targets = (): readonly Target[] => {
  const samples = sampleParts(hasher);
  return [
    envelopeTarget(samples),
    manifestTarget(samples),
    memberTarget(samples),
    ...kinds.map((kind) => partTarget(kind, samples)),
  ];
};
