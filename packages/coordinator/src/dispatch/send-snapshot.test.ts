import type { Dag, Digest, Manifest, TaskOffer, WorkerView } from '@skein/domain';
import { defaultSnapshotLimits, defaultTenant } from '@skein/domain';
import type { SnapshotFormat } from '@skein/snapshot';
import { decodeEnvelope, maxAttachedPartBytes, snapshotFormats } from '@skein/snapshot';
import type { AgentsToPublish, ScriptedWorker } from '@skein/testkit';
import { createScene, dagOf, publishAgents, type Scene, stepOf, taskOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const dagOfAgent = (name: string, agent: string, steps = 1): Dag =>
  dagOf(
    Array.from({ length: steps }, (_, index) =>
      stepOf(`look${index}`, {
        action: { kind: 'agent', agent, prompt: 'Look.', limits: {}, memory: { read: false, propose: false } },
      }),
    ),
    { name },
  );

/** More than is packed within a turn. */
const books = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`book${index}`, 45_000]));

const openScene = async (
  options: { readonly maxAttachedBytes?: number } = {},
  scholars: AgentsToPublish['agents'] = {},
): Promise<Scene> => {
  const scene = await createScene({ dags: [], config: options });
  await publishAgents(scene.stores.projects, scene.hasher, {
    dags: [
      dagOfAgent('one', 'scout', 1),
      dagOfAgent('two', 'scout', 2),
      dagOfAgent('other', 'guide', 1),
      dagOfAgent('apart', 'hermit', 1),
      ...Object.keys(scholars).map((agent) => dagOfAgent('wide', agent, 1)),
    ],
    agents: {
      scout: { maps: 10_000, atlas: 200_000 },
      guide: { phrases: 9_000, atlas: 200_000 },
      hermit: { cave: 90_000 },
      ...scholars,
    },
  });
  return scene;
};

const isFor = (offer: TaskOffer): Digest => offer.snapshot?.digest ?? '';

/** The sizes of the parts in an offer's envelope. */
const attachedSizes = (offer: TaskOffer): readonly number[] | undefined => {
  const envelope = offer.snapshot?.envelope;
  if (envelope === undefined) return undefined;
  return [...decodeEnvelope(envelope, defaultSnapshotLimits).parts.values()].map((bytes) => bytes.length);
};

const manifestOf = async (scene: Scene, offer: TaskOffer): Promise<Manifest> =>
  (await scene.stores.snapshots.find('default', isFor(offer)))!;

const largePart = async (scene: Scene, offer: TaskOffer) =>
  (await manifestOf(scene, offer)).parts.find(({ size }) => size > maxAttachedPartBytes)!;

const fetchPart = async (scene: Scene, worker: ScriptedWorker, offer: TaskOffer, part: Digest, offset = 0) => {
  const pieces: Uint8Array[] = [];
  const { sessionId } = worker.of('welcome').at(-1)!;
  const total = await scene.coordinator.gateway.fetchPart(
    { token: scene.joinToken },
    sessionId,
    { task: taskOf(offer), digest: isFor(offer), part, offset },
    (bytes) => pieces.push(bytes),
  );
  return { total, bytes: Buffer.concat(pieces) };
};

const fetchSnapshot = (scene: Scene, worker: ScriptedWorker, offer: TaskOffer, held: readonly Digest[]) =>
  scene.coordinator.gateway.fetchSnapshot({ token: scene.joinToken }, worker.of('welcome').at(-1)!.sessionId, {
    task: taskOf(offer),
    digest: isFor(offer),
    held,
  });

const viewOf = (scene: Scene, worker: ScriptedWorker): WorkerView =>
  scene.coordinator.listWorkers(defaultTenant).find(({ workerId }) => workerId === worker.info.workerId)!;
const countsOf = (scene: Scene, worker: ScriptedWorker) => {
  const { snapshotsReceived, snapshotBytesReceived, snapshotBytesSaved } = viewOf(scene, worker);
  return { snapshots: snapshotsReceived, received: snapshotBytesReceived, saved: snapshotBytesSaved };
};

describe('what an offer brings', () => {
  test('is the manifest and the missing parts of at most 64 KiB; larger ones are left for the worker to ask for', async () => {
    const scene = await openScene();
    const worker = await scene.join();
    await scene.submit('one');
    const offer = worker.offers[0]!;
    const { parts } = await manifestOf(scene, offer);
    expect(attachedSizes(offer)).toEqual(parts.map(({ size }) => size).filter((size) => size <= maxAttachedPartBytes));
    expect(parts.some(({ size }) => size > maxAttachedPartBytes)).toBe(true);
    await scene.close();
  });

  test('is each part once, when two tasks leave in the same turn', async () => {
    const scene = await openScene();
    const worker = await scene.join({ slots: 2 });
    await scene.submit('two');
    expect(worker.offers).toHaveLength(2);
    expect(attachedSizes(worker.offers[0]!)).toHaveLength(4);
    expect(worker.offers[1]!.snapshot).toEqual({ digest: isFor(worker.offers[0]!) });
    await scene.close();
  });

  test('is what the worker lacks of another snapshot that shares parts with one that it has', async () => {
    const scene = await openScene();
    const worker = await scene.join({ slots: 2 });
    await scene.submit('one');
    await scene.submit('other');
    const [first, second] = worker.offers;
    const shared = (await manifestOf(scene, first!)).parts.map(({ digest }) => digest);
    const { parts } = await manifestOf(scene, second!);
    const lacking = parts.filter(({ digest, size }) => !shared.includes(digest) && size <= maxAttachedPartBytes);
    expect(lacking.length).toBeLessThan(parts.length - 1);
    expect(attachedSizes(second!)).toEqual(lacking.map(({ size }) => size));
    await scene.close();
  });

  test('is nothing for a worker that said that it holds all, and a part again that it said has left', async () => {
    const scene = await openScene();
    const first = await scene.join();
    await scene.submit('one');
    const { parts } = await manifestOf(scene, first.offers[0]!);
    const held = [isFor(first.offers[0]!), ...parts.map(({ digest }) => digest)];
    const second = scene.connect({ slots: 2 });
    second.hello({ held });
    second.credits(1);
    await scene.submit('one');
    expect(second.offers.map(({ snapshot }) => snapshot)).toEqual([{ digest: held[0] }]);
    const gone = parts.find(({ size }) => size <= maxAttachedPartBytes)!;
    second.send({ type: 'evicted', digests: [gone.digest] });
    second.credits(1);
    await scene.submit('one');
    expect(attachedSizes(second.offers[1]!)).toEqual([gone.size]);
    await scene.close();
  });

  test('is no envelope over the limit: the worker asks for it, and gets no large part by that', async () => {
    const scene = await openScene({ maxAttachedBytes: 1_000 });
    const worker = await scene.join();
    await scene.submit('one');
    const offer = worker.offers[0]!;
    expect(offer.snapshot).toEqual({ digest: isFor(offer) });
    const { parts } = await manifestOf(scene, offer);
    const small = parts.filter(({ size }) => size <= maxAttachedPartBytes);
    const envelope = await fetchSnapshot(scene, worker, offer, [small[0]!.digest]);
    const sizes = [...decodeEnvelope(envelope, defaultSnapshotLimits).parts.values()].map((bytes) => bytes.length);
    expect(sizes).toEqual(small.slice(1).map(({ size }) => size));
    await scene.close();
  });
});

test('unlike earlier designs, a snapshot is packed once for all tasks and runs, and the queue holds none of its bytes', async () => {
  const format = snapshotFormats[0]!;
  let packed = 0;
  const counting: SnapshotFormat = {
    version: 1,
    encode: (...args) => {
      packed += 1;
      return format.encode(...args);
    },
    decode: (bytes, limits) => format.decode(bytes, limits),
  };
  const scene = await createScene({ dags: [], config: { snapshotFormats: [counting] } });
  await publishAgents(scene.stores.projects, scene.hasher, {
    dags: [dagOfAgent('wide', 'scout', 20)],
    agents: { scout: { maps: 10_000 } },
  });
  const workers = [await scene.join({ slots: 15 }), await scene.join({ slots: 25 })];
  const runs = [await scene.submit('wide'), await scene.submit('wide')];
  const offers = workers.flatMap((worker) => worker.offers);
  expect(offers).toHaveLength(40);
  expect(packed).toBe(1);
  const envelopes = offers.flatMap(({ snapshot }) => snapshot?.envelope ?? []);
  expect(envelopes).toHaveLength(2);
  const [skill] = [...decodeEnvelope(envelopes[0]!, defaultSnapshotLimits).parts.values()].toSorted(
    (a, b) => b.length - a.length,
  );
  const text = new TextDecoder().decode(skill).slice(5_000, 5_060);
  const forms = [text, Buffer.from(envelopes[0]!).toString('base64').slice(100, 160)];
  for (const runId of runs) {
    const facts = JSON.stringify(await scene.stores.runs.readFacts('default', runId, 0));
    expect(facts).toContain(isFor(offers[0]!));
    for (const form of forms) expect(facts).not.toContain(form);
  }
  await scene.close();
});

test('parts that take long to pack hold up no offer, and come when the worker asks for them', async () => {
  const scene = await openScene({}, { scholar: books });
  const worker = await scene.join({ slots: 2 });
  await scene.submit('wide');
  const [first] = worker.offers;
  expect(first?.snapshot).toEqual({ digest: isFor(first!) });
  const envelope = await fetchSnapshot(scene, worker, first!, []);
  expect(decodeEnvelope(envelope, defaultSnapshotLimits).parts.size).toBe(
    (await manifestOf(scene, first!)).parts.length,
  );
  const counts = countsOf(scene, worker);
  expect(counts).toMatchObject({ snapshots: 1, received: envelope.byteLength });
  await scene.submit('wide');
  expect(worker.offers[1]?.snapshot).toEqual({ digest: isFor(first!) });
  expect(countsOf(scene, worker)).toEqual({ ...counts, saved: counts.saved + envelope.byteLength });
  await scene.close();
});

describe('a part on its own', () => {
  test('comes from any offset, is the same on every coordinator, and its parts make the whole', async () => {
    const scene = await openScene();
    const worker = await scene.join();
    await scene.submit('one');
    const offer = worker.offers[0]!;
    const { digest } = await largePart(scene, offer);
    const whole = await fetchPart(scene, worker, offer, digest);
    expect(whole.total).toBe(whole.bytes.length);
    const rest = await fetchPart(scene, worker, offer, digest, 70_001);
    expect(rest.total).toBe(whole.total);
    expect(Buffer.compare(rest.bytes, whole.bytes.subarray(70_001))).toBe(0);
    expect((await fetchPart(scene, worker, offer, digest, whole.total)).bytes).toHaveLength(0);
    await scene.restart();
    const again = scene.connect();
    again.hello({ worker: worker.info, running: [{ ...taskOf(offer), started: true }] });
    await scene.settle();
    const second = await fetchPart(scene, again, offer, digest, 70_001);
    expect(Buffer.compare(second.bytes, rest.bytes)).toBe(0);
    await scene.close();
  });

  test('is refused past its end, for another snapshot, a part of another one, another token and another session', async () => {
    const scene = await openScene();
    const worker = await scene.join();
    const other = await scene.join();
    await scene.submit('one');
    await scene.submit('other');
    const [holder, stranger] = worker.offers[0]?.dagName === 'one' ? [worker, other] : [other, worker];
    const offer = holder.offers[0]!;
    const foreign = stranger.offers[0]!;
    const { digest } = await largePart(scene, offer);
    const { total } = await fetchPart(scene, holder, offer, digest);
    const foreignPart = (await manifestOf(scene, foreign)).parts.find(({ name }) => name === 'phrases')!.digest;
    const codeOf = (call: Promise<unknown>) =>
      call.then(
        () => 'answered',
        (thrown: { readonly code: string }) => thrown.code,
      );
    expect([
      await codeOf(fetchPart(scene, holder, offer, digest, total + 1)),
      await codeOf(fetchPart(scene, holder, offer, digest, -1)),
      await codeOf(fetchPart(scene, holder, offer, foreignPart)),
      await codeOf(fetchPart(scene, holder, { ...offer, snapshot: foreign.snapshot! }, foreignPart)),
      await codeOf(fetchPart(scene, holder, { ...offer, token: offer.token + 1 }, digest)),
      await codeOf(fetchPart(scene, stranger, offer, digest)),
    ]).toEqual([
      'invalid_argument',
      'invalid_argument',
      'not_found',
      'not_found',
      'stale_fencing_token',
      'stale_fencing_token',
    ]);
    const { items } = await scene.coordinator.audit.list({ tenant: 'default', action: 'worker.fetch_part', limit: 10 });
    expect(items.find(({ outcome }) => outcome === 'not_found')).toMatchObject({
      actor: { kind: 'worker', id: holder.info.workerId },
      details: { digest: isFor(foreign) },
    });
    holder.finish(offer);
    await scene.settle();
    expect(await codeOf(fetchPart(scene, holder, offer, digest))).toBe('stale_fencing_token');
    await scene.close();
  });
});

describe('a part of another snapshot than that of the task', () => {
  test('is refused also when it is in memory because another task was sent it', async () => {
    const scene = await openScene();
    const workers = [await scene.join(), await scene.join()];
    await scene.submit('one');
    await scene.submit('apart');
    const holderOf = (dag: string) => workers.find(({ offers }) => offers[0]?.dagName === dag)!;
    const [own, foreign] = [holderOf('one'), holderOf('apart')];
    const part = await largePart(scene, foreign.offers[0]!);
    expect((await fetchPart(scene, foreign, foreign.offers[0]!, part.digest)).bytes.length).toBeGreaterThan(0);
    await expect(fetchPart(scene, own, own.offers[0]!, part.digest)).rejects.toMatchObject({ code: 'not_found' });
    await scene.close();
  });
});

describe('the counts of a worker', () => {
  test('are the bytes that it was sent, parts included, and those that it was spared', async () => {
    const scene = await openScene();
    const worker = await scene.join({ slots: 2 });
    await scene.submit('two');
    const [first] = worker.offers;
    const attached = first!.snapshot!.envelope!.byteLength;
    const { total } = await fetchPart(scene, worker, first!, (await largePart(scene, first!)).digest);
    const counts = countsOf(scene, worker);
    expect(counts).toMatchObject({ snapshots: 1, received: attached + total });
    // The second task was spared what the first had brought or was about to; the part was not compressed yet when it was offered.
    expect(counts.saved).toBeGreaterThanOrEqual(attached + total);
    expect(counts.saved).toBeLessThan(1.5 * (attached + total));
    await scene.close();
  });

  test('count a part once that came in pieces, and anew when it had left the cache', async () => {
    const scene = await openScene();
    const worker = await scene.join();
    await scene.submit('one');
    const offer = worker.offers[0]!;
    const { digest } = await largePart(scene, offer);
    const attached = offer.snapshot!.envelope!.byteLength;
    const { total } = await fetchPart(scene, worker, offer, digest);
    await fetchPart(scene, worker, offer, digest, 50_000);
    await fetchPart(scene, worker, offer, digest, 150_000);
    expect(countsOf(scene, worker).received).toBe(attached + total);
    worker.send({ type: 'evicted', digests: [digest] });
    await fetchPart(scene, worker, offer, digest);
    expect(countsOf(scene, worker).received).toBe(attached + 2 * total);
    await scene.close();
  });

  test('count the rest of a part that began at another coordinator', async () => {
    const scene = await openScene();
    const worker = await scene.join();
    await scene.submit('one');
    const offer = worker.offers[0]!;
    const { digest } = await largePart(scene, offer);
    const { total } = await fetchPart(scene, worker, offer, digest);
    await scene.restart();
    const again = scene.connect();
    again.hello({ worker: worker.info, running: [{ ...taskOf(offer), started: true }] });
    await scene.settle();
    await fetchPart(scene, again, offer, digest, 120_000);
    expect(countsOf(scene, worker)).toEqual({ snapshots: 0, received: total - 120_000, saved: 0 });
    await scene.close();
  });

  test('take back as saved what the worker turned out not to hold', async () => {
    const scene = await openScene();
    const worker = await scene.join({ slots: 2 });
    await scene.submit('one');
    const first = worker.offers[0]!;
    const { digest } = await largePart(scene, first);
    const attached = first.snapshot!.envelope!.byteLength;
    const { total } = await fetchPart(scene, worker, first, digest);
    await scene.submit('one');
    const second = worker.offers[1]!;
    expect(countsOf(scene, worker)).toEqual({ snapshots: 1, received: attached + total, saved: attached + total });
    const envelope = await fetchSnapshot(scene, worker, second, []);
    await fetchPart(scene, worker, second, digest);
    expect(envelope.byteLength).toBe(attached);
    expect(countsOf(scene, worker)).toEqual({ snapshots: 2, received: 2 * (attached + total), saved: 0 });
    await scene.close();
  });
});

describe('where an agent task goes', () => {
  test('is the worker that lacks the fewest bytes, also when its slot is the only free one of it', async () => {
    const scene = await openScene();
    const warm = await scene.join({ slots: 1 });
    await scene.submit('one');
    warm.finish(warm.offers[0]!);
    warm.credits(1);
    const cold = await scene.join({ slots: 8 });
    await scene.submit('other');
    expect([warm.offers.length, cold.offers.length]).toEqual([2, 0]);
    await scene.close();
  });

  test('is another worker when that one is busy: nothing waits for a cache', async () => {
    const scene = await openScene();
    const warm = await scene.join({ slots: 1 });
    const cold = await scene.join({ slots: 1 });
    await scene.submit('one');
    await scene.submit('one');
    expect([warm.offers.length, cold.offers.length]).toEqual([1, 1]);
    await scene.close();
  });
});
