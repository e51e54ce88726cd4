import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { collectRequirements, type Dag, dagDigest, defaultSnapshotLimits, type VersionId } from '@skein/domain';
import { createProjectReader } from '@skein/language';
import { buildSnapshot, decodeEnvelope, encodeEnvelope, hydrate, verifySnapshot } from '@skein/snapshot';
import { createMemoryStores, createNodeHasher, FakeClock } from '@skein/testkit';
import { median, nowMs, round3 } from '../measure.ts';
import type { Figure } from '../render-figures.ts';
import { chainOf, projectOf } from './projects.ts';

const hasher = createNodeHasher();
const limits = defaultSnapshotLimits;

/** Sizes of the skill files, in bytes; manifest, agent and model come on top. */
export const sizes: readonly (readonly [label: string, bytes: number])[] = [
  ['10 KB', 10_000],
  ['200 KB', 200_000],
  ['4 MiB', 4 * 1024 * 1024 - 16 * 1024],
];

/** A snapshot of a project whose skill files have so many bytes, with what it was built from. */
const world = async (bytes: number) => {
  const files = projectOf(bytes, { chain: chainOf('chain', 1) });
  const read = createProjectReader({ hasher }).read(files, { provider: 'offline', model: 'rules-1' });
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  const { dags, parts, agents, memory, subDags } = read.value;
  const { projects } = createMemoryStores({ clock: new FakeClock(), hasher });
  const activate = agents.map(({ content }) => content.agentId);
  await projects.publish({ tenant: 'default', dags, subDags, parts, agents, memory, activate, candidates: [], at: 0 });
  const dag = dags[0]?.dag as Dag;
  const versions: { [agentId: string]: VersionId } = {};
  for (const { content, versionId } of agents) versions[content.agentId] = versionId;
  const build = () => {
    const requirements = collectRequirements(dag, {
      resolveDag: () => undefined,
      digestOf: (each) => dagDigest(each, hasher),
    });
    if (!requirements.ok) throw new Error(JSON.stringify(requirements.error));
    return buildSnapshot(
      { projects, hasher, limits },
      { tenant: 'default', requirements: requirements.value, versions },
    );
  };
  return { build, built: await build() };
};

const timed = async (samples: number, once: () => unknown): Promise<number> => {
  const times: number[] = [];
  for (let sample = -2; sample < samples; sample += 1) {
    const start = nowMs();
    await once();
    if (sample >= 0) times.push(nowMs() - start);
  }
  return round3(median(times));
};

/** Build, encode, decode, verify and hydrate, each beside what the bare library functions of Node take for the same bytes. */
export const measureCodec = async (samples: number): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const [label, bytes] of sizes) {
    const { build, built } = await world(bytes);
    const raw = Buffer.concat([...built.parts.values()]);
    const texts = [...built.parts.values()].map((part) => Buffer.from(part));
    const envelope = encodeEnvelope(built.manifest, built.parts, limits);
    const zipped = gzipSync(raw, { level: 6 });
    const verified = verifySnapshot({ hasher, limits }, built.digest, { envelope });
    const sha = () => createHash('sha256').update(raw).digest('hex');
    const figure = (what: string, ours: number, anchor: number): Figure => ({
      id: label,
      what,
      ours,
      unit: 'ms',
      anchor,
      target: '',
    });
    figures.push(
      figure('build, cold / sha256 of its bytes', await timed(samples, build), await timed(samples, sha)),
      figure(
        'encode / zlib gzip level 6 of its bytes',
        await timed(samples, () => encodeEnvelope(built.manifest, built.parts, limits)),
        await timed(samples, () => gzipSync(raw, { level: 6 })),
      ),
      figure(
        'decode / zlib gunzip',
        await timed(samples, () => decodeEnvelope(envelope, limits)),
        await timed(samples, () => gunzipSync(zipped)),
      ),
      figure(
        'decode and verify / zlib gunzip and sha256',
        await timed(samples, () => verifySnapshot({ hasher, limits }, built.digest, { envelope })),
        await timed(samples, () => createHash('sha256').update(gunzipSync(zipped)).digest('hex')),
      ),
      figure(
        'hydrate / JSON.parse of its parts',
        await timed(samples, () => hydrate(verified, limits)),
        await timed(samples, () => texts.map((text) => JSON.parse(text.toString('utf8')) as unknown)),
      ),
    );
  }
  return figures;
};
