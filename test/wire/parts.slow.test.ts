import { gunzipSync, gzipSync } from 'node:zlib';
import { type Dag, defaultTenant, type RunView } from '@skein/domain';
import type { ExecutionContext } from '@skein/ports';
import { manifestBytes, parseManifest, type SnapshotFormat, snapshotFormats } from '@skein/snapshot';
import { dagOf, publishAgents, stepOf } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServedCoordinator, WireWorld } from './wire-world.ts';

// Large parts of snapshots between real coordinators and workers over gRPC, and a network that is cut.

const mebibyte = 1024 * 1024;
const patience = { timeout: 60_000, interval: 10 };

const dagOfSteps = (name: string, agent: string, count: number): Dag =>
  dagOf(
    Array.from({ length: count }, (_, index) =>
      stepOf(`look${index}`, {
        action: { kind: 'agent', agent, prompt: 'Look.', limits: {}, memory: { read: false, propose: false } },
      }),
    ),
    { name },
  );

let world: WireWorld;

beforeEach(async () => {
  world = await new WireWorld().open();
  await publishAgents(world.stores.projects, world.hasher, {
    dags: [dagOfSteps('eight', 'scout', 8), dagOfSteps('one', 'scout', 1), dagOfSteps('other', 'guide', 1)],
    // Base64 of so many bytes compresses back to about as many.
    agents: { scout: { atlas: 3 * mebibyte - 4_096 }, guide: { atlas: 3 * mebibyte - 4_096, phrases: 100_000 } },
  });
});
afterEach(() => world.close());

/** Reads the large skill, so that a step proves that its bytes arrived. */
const readAtlas = async ({ offer, stores }: ExecutionContext): Promise<void> => {
  const [agentId, versionId] = only(Object.entries(offer.agents));
  const digest = stores?.agent(agentId, versionId).skills['atlas'] ?? '';
  const content = stores?.skill(digest).files[0]?.content ?? '';
  if (Buffer.from(content, 'base64').length !== 3 * mebibyte - 4_096) throw new Error('the skill is not whole');
};

const run = async ({ coordinator }: ServedCoordinator, dag: string): Promise<string> =>
  (await coordinator.submitRun(defaultTenant, { dag })).run.runId;
const ended = async ({ coordinator }: ServedCoordinator, runId: string): Promise<RunView> => {
  await expect
    .poll(async () => (await coordinator.getRun(defaultTenant, runId)).status, patience)
    .not.toMatch(/queued|running/);
  return coordinator.getRun(defaultTenant, runId);
};
const only = <T>(items: Iterable<T>): T => {
  const [first, ...others] = items;
  if (first === undefined || others.length > 0) throw new Error('not exactly one');
  return first;
};

test('eight tasks that need the same 3 MiB at once cost one transfer', async () => {
  const served = await world.start();
  await world.join(readAtlas, { slots: 8 });
  const view = await ended(served, await run(served, 'eight'));
  expect(view.status).toBe('succeeded');
  expect(served.partRequests.map(({ offset }) => offset)).toEqual([0]);
  expect(served.envelopes()).toBe(0);
  const size = only(served.sizes.values());
  expect(size).toBeGreaterThan(2.5 * mebibyte);
  const worker = only(served.coordinator.listWorkers(defaultTenant));
  expect(worker.snapshotsReceived).toBe(1);
  expect(worker.snapshotBytesReceived).toBeGreaterThan(size);
  expect(worker.snapshotBytesReceived).toBeLessThan(size + 64 * 1024);
  expect(worker.snapshotBytesSaved).toBeGreaterThanOrEqual(7 * size);

  // Another agent with the same large skill costs only what is new.
  await ended(served, await run(served, 'other'));
  expect(served.partRequests).toHaveLength(2);
  expect(served.partRequests[1]?.part).not.toBe(served.partRequests[0]?.part);
});

test('a part whose connection is cut goes on from the byte where it was, and nothing comes twice but what was under way', async () => {
  const served = await world.start();
  await world.join(readAtlas);
  world.proxy.cutAfter(mebibyte);
  const view = await ended(served, await run(served, 'one'));
  expect(view.status).toBe('succeeded');
  const [first, second, ...others] = served.partRequests;
  const size = only(served.sizes.values());
  expect(first?.offset).toBe(0);
  expect(second?.offset).toBeGreaterThan(mebibyte / 2);
  expect(second?.offset).toBeLessThan(size);
  expect(others).toEqual([]);
  // Everything that went down, heartbeats and envelope included: the part once, and at most what was in buffers at the cut.
  expect(world.proxy.downstream()).toBeLessThan(size + 512 * 1024);
  expect(view.steps[0]).toMatchObject({ attempt: 1, status: 'succeeded' });
});

test('a coordinator that is killed in the middle of a part is followed by another, which sends the rest', async () => {
  const before = await world.start();
  await world.join(readAtlas);
  const killed = new Promise<void>((resolve, reject) => {
    world.proxy.cutAfter(mebibyte, () => {
      before.kill().then(resolve, reject);
      world.proxy.cutAll();
    });
  });
  const runId = await run(before, 'one');
  await killed;
  const after = await world.start();
  const view = await ended(after, runId);
  expect(view.steps[0]).toMatchObject({ attempt: 1, status: 'succeeded' });
  const request = only(after.partRequests);
  expect(request.offset).toBeGreaterThan(0);
  const size = only(after.sizes.values());
  const worker = only(after.coordinator.listWorkers(defaultTenant));
  expect(worker).toMatchObject({ snapshotsReceived: 0, snapshotBytesReceived: size - request.offset });
});

test('what does not fit into the cache is fetched again, and counted as not held', async () => {
  const served = await world.start();
  await world.join(readAtlas, { maxCacheBytes: mebibyte });
  await ended(served, await run(served, 'one'));
  await ended(served, await run(served, 'one'));
  expect(served.partRequests.map(({ offset }) => offset)).toEqual([0, 0]);
  const size = only(served.sizes.values());
  const worker = only(served.coordinator.listWorkers(defaultTenant));
  expect(worker.snapshotBytesReceived).toBeGreaterThan(2 * size);
  expect(worker.snapshotBytesSaved).toBeLessThan(64 * 1024);
});

/** A second format, which exists here only: JSON where the first has bytes. */
const formatTwo: SnapshotFormat = {
  version: 2,
  encode: (manifest, parts, _limits, include) => {
    const wanted = new Set(include ?? parts.keys());
    const carried = [...parts].filter(([digest]) => wanted.has(digest));
    const body = JSON.stringify({
      manifest: Buffer.from(manifestBytes(manifest)).toString('base64'),
      parts: carried.map(([digest, bytes]) => [digest, Buffer.from(bytes).toString('base64')]),
    });
    const member = gzipSync(Buffer.concat([Buffer.from('SKEINSNP\0\x02', 'latin1'), Buffer.from(body)]));
    member[9] = 255; // the operating system of the one gzip header
    return member;
  },
  decode: (envelope, limits) => {
    const body = JSON.parse(gunzipSync(envelope).subarray(10).toString()) as {
      readonly manifest: string;
      readonly parts: readonly (readonly [string, string])[];
    };
    const bytes = new Uint8Array(Buffer.from(body.manifest, 'base64'));
    const parts = body.parts.map(([digest, text]) => [digest, new Uint8Array(Buffer.from(text, 'base64'))] as const);
    return { manifest: parseManifest(bytes, limits), manifestBytes: bytes, parts: new Map(parts) };
  },
};
const counted = (format: SnapshotFormat) => {
  const counts = { written: 0, read: 0 };
  const counting: SnapshotFormat = {
    version: format.version,
    encode: (...args) => {
      counts.written += 1;
      return format.encode(...args);
    },
    decode: (...args) => {
      counts.read += 1;
      return format.decode(...args);
    },
  };
  return { counts, format: counting };
};

test.each([
  ['both know 2', [1, 2], [1, 2], 2],
  ['only the coordinator knows 2', [1], [1, 2], 1],
  ['only the worker knows 2', [1, 2], [1], 1],
])('speaks the highest common format: %s', async (_case, reads, writes, agreed) => {
  const one = counted(snapshotFormats[0] as SnapshotFormat);
  const two = counted(formatTwo);
  const of = (versions: readonly number[]) => versions.map((version) => (version === 1 ? one.format : two.format));
  const served = await world.start({ snapshotFormats: of(writes) });
  await world.join(readAtlas, { formats: of(reads) });
  expect((await ended(served, await run(served, 'one'))).status).toBe('succeeded');
  // More than once where a connection broke meanwhile and the task was offered again.
  expect([one.counts.read > 0, two.counts.read > 0]).toEqual([agreed === 1, agreed === 2]);
  expect(two.counts.written > 0).toBe(agreed === 2);
});

test('a worker that shares no format is refused for good, with both sides named', async () => {
  await world.start();
  const { endpoint } = await world.join(readAtlas, { formats: [formatTwo] });
  expect(await endpoint.ended).toMatchObject({
    reason: 'refused',
    error: { code: 'unimplemented', details: { worker: [2], coordinator: [1] } },
  });
});
