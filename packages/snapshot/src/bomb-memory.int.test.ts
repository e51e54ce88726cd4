import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import { canonicalBytes, type Digest, defaultSnapshotLimits, type Manifest, type PartKind } from '@skein/domain';
import { createNodeHasher } from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeEnvelope } from './envelope.ts';
import { gzip } from './gzip.ts';
import { makeManifest, manifestBytes } from './manifest.ts';
import { encodePart } from './part-codec.ts';

const MiB = 1024 * 1024;
/** What a decoder may take above the limit itself for bytes that it refuses. */
const allowance = 48;
const limits = defaultSnapshotLimits;
const unlimited = { ...limits, maxCompressedBytes: Number.MAX_SAFE_INTEGER };
const hasher = createNodeHasher();

/**
 * A process that opens a snapshot as a worker does and says how it ended and what memory it took: the resident set before, and its
 * highest since then. Linux forgets the peak of the start-up when asked; elsewhere that peak counts too, which only makes the test stricter.
 */
const child = `
  import { createHash } from 'node:crypto';
  import { readFileSync, writeFileSync } from 'node:fs';
  import { defaultSnapshotLimits as limits } from '@skein/domain';
  import { hydrate, verifySnapshot } from '@skein/snapshot';
  const [file, digest] = process.argv.slice(1);
  const hasher = { digest: (bytes) => 'sha256:' + createHash('sha256').update(bytes).digest('hex') };
  const open = (digest, envelope) => {
    try {
      const verified = verifySnapshot({ hasher, limits }, digest, { envelope });
      return [verified, hydrate(verified, limits)];
    } catch (error) {
      return error.details?.reason ?? error.code ?? String(error);
    }
  };
  const status = (name) => Number(new RegExp(name + ':\\\\s*(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  open(digest, new Uint8Array(20));
  const envelope = new Uint8Array(readFileSync(file));
  let baseline = process.memoryUsage.rss();
  let peak = () => process.resourceUsage().maxRSS * 1024;
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    baseline = status('VmRSS');
    peak = () => status('VmHWM');
  } catch {}
  const opened = open(digest, envelope);
  const taken = peak() - baseline;
  console.log(JSON.stringify({ outcome: Array.isArray(opened) ? 'accepted' : opened, taken }));
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-bomb-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const measure = (envelope: Uint8Array, digest: Digest): { outcome: string; taken: number } => {
  const file = join(folder, 'envelope');
  writeFileSync(file, envelope);
  const args = ['--conditions', 'skein-source', '--import', 'tsx', '--input-type=module', '-e', child, file, digest];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as { outcome: string; taken: number };
};

interface Bomb {
  readonly envelope: Uint8Array;
  readonly digest: Digest;
}

const anyDigest: Digest = 'sha256:'.padEnd(71, '0');
const raw = (envelope: Uint8Array): Bomb => ({ envelope, digest: anyDigest });
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A gzip member that never comes to its end within the compressed limit: the same blocks again and again. */
const endless = (block: Uint8Array): Uint8Array => {
  const blocks = deflateRawSync(block, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const header = gzip(new Uint8Array(0)).subarray(0, 10);
  const bytes = new Uint8Array(limits.maxCompressedBytes);
  bytes.set(header);
  for (let at = header.length; at + blocks.length <= bytes.length; at += blocks.length) bytes.set(blocks, at);
  return bytes;
};

const sealed = (parts: readonly { kind: PartKind; name: string; bytes: Uint8Array }[]): Bomb => {
  const held = new Map<Digest, Uint8Array>();
  const manifest: Manifest = makeManifest(
    parts.map(({ kind, name, bytes }) => {
      const digest = hasher.digest(bytes);
      held.set(digest, bytes);
      return { kind, name, size: bytes.length, digest };
    }),
  );
  return {
    envelope: encodeEnvelope(manifest, held, unlimited),
    digest: hasher.digest(manifestBytes(manifest)),
  };
};

/** Four skills that fill the limit with this text, each made different by its name. */
const skills = (bytesEach: number, textOf: (index: number) => string): Bomb =>
  sealed(
    [0, 1, 2, 3].map((index) => {
      const name = `s${index}`;
      const text = textOf(index);
      const skill = (body: string) => encodePart('skill', { name, description: '', body, metadata: {}, files: [] });
      const room = bytesEach - skill('').length;
      const length = skill(text).length - skill('').length;
      return { kind: 'skill', name, bytes: skill(text.repeat(Math.floor(room / length))) } as const;
    }),
  );

const json = (...texts: readonly string[]): Bomb =>
  sealed(texts.map((text, index) => ({ kind: 'skill', name: `s${index}`, bytes: bytesOf(text) })));

/** An envelope whose manifest is this text and that has no parts. */
const withManifest = (text: Uint8Array): Bomb => {
  const payload = new Uint8Array(18 + text.length);
  payload.set(bytesOf('SKEINSNP'));
  const view = new DataView(payload.buffer);
  view.setUint16(8, 1);
  view.setUint32(10, text.length);
  payload.set(text, 18);
  return { envelope: gzip(payload), digest: hasher.digest(text) };
};

const mostOfAPart = limits.maxPartBytes - 100;
const bombs: readonly (readonly [name: string, allowance: number, make: () => Bomb, outcome: string])[] = [
  ['zeros without end', allowance, () => raw(endless(new Uint8Array(8 * MiB))), 'too_large'],
  ['text without end', allowance, () => raw(endless(bytesOf('{},'.repeat(2 * MiB)))), 'too_large'],
  ['a thousand to one', allowance, () => raw(gzip(new Uint8Array(256 * MiB))), 'too_large'],
  [
    'a bomb in a second member',
    allowance,
    () => raw(new Uint8Array(Buffer.concat([gzip(new Uint8Array(1_000)), gzipSync(new Uint8Array(256 * MiB))]))),
    'second_member',
  ],
  ['a bomb in a bomb', allowance, () => raw(gzip(gzip(gzip(new Uint8Array(256 * MiB))))), 'bad_manifest'],
  ['sixteen MiB of zeros', allowance, () => raw(gzip(new Uint8Array(limits.maxBytes))), 'bad_manifest'],
  ['a manifest of empty objects', allowance, () => withManifest(bytesOf(`[${'{},'.repeat(5 * MiB)}{}]`)), 'too_large'],
  [
    'a manifest that is one long text',
    allowance,
    () => withManifest(canonicalBytes({ formatVersion: 1, parts: ['\u{1f600}'.repeat(3.9 * MiB)] })),
    'too_large',
  ],
  ['a manifest of escapes', allowance, () => withManifest(bytesOf(`["${'\\u0041'.repeat(2.5 * MiB)}"]`)), 'too_large'],
  [
    'parts of empty objects',
    allowance,
    () => json(...[1, 2, 3].map((n) => `[${n}${',{}'.repeat(mostOfAPart / 3)}]`)),
    'bad_json',
  ],
  ['parts of brackets', allowance, () => json(...[1, 2, 3].map((n) => '['.repeat(mostOfAPart + n))), 'bad_json'],
  [
    'objects of many names',
    allowance,
    () =>
      json(
        `{${Array.from({ length: 190_000 }, (_, index) => `"${index.toString(36).padStart(12, 'k')}":0`).join(',')}}`,
      ),
    'bad_json',
  ],
  // What is accepted stays in memory: its text, and while a part is read, that part twice. JavaScript takes two bytes for each
  // character of a text that holds one beyond Latin-1.
  [
    'skills up to the limit',
    64,
    () => skills(limits.maxPartBytes - 300, (index) => `plain text ${index} `),
    'accepted',
  ],
  [
    'skills up to the limit in a wide alphabet',
    112,
    () => skills(limits.maxPartBytes - 300, (index) => `${'plain text '.repeat(50)}${index}\u{1f600}`),
    'accepted',
  ],
  ['skills of escapes', 64, () => skills(limits.maxPartBytes - 300, (index) => `\u0001\u0002"\\${index}`), 'accepted'],
];

test.each(bombs)('%s: memory stays within the limit and %i MiB', (_name, allowed, make, outcome) => {
  const { envelope, digest } = make();
  const measured = measure(envelope, digest);
  expect(measured.outcome).toBe(outcome);
  expect(measured.taken / MiB).toBeLessThan(limits.maxBytes / MiB + allowed);
});
