import type { TaskOffer } from '@skein/domain';
import { DomainError, defaultTenant } from '@skein/domain';
import { createScene, dagOf, publishProject, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';

const bytesOf = (offer: TaskOffer): number => JSON.stringify({ ...offer, snapshot: undefined }).length;

describe('an offer fits into a control frame', () => {
  test('many values of 32 KiB travel by digest, and each can be read', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `p${index}`);
    const dag = dagOf(
      [stepOf('a', { action: { kind: 'shell', commands: names.map((name) => `echo \${params.${name}}`) } })],
      { name: 'wide', params: names.map((name) => ({ name, type: 'string', required: true })) },
    );
    const scene = await createScene({ dags: [dag], config: { maxParamsBytes: 8 * 1024 * 1024 } });
    const worker = await scene.join();
    const value = (name: string): string => name.repeat(1).padEnd(30_000, 'x');
    await scene.submit('wide', { params: Object.fromEntries(names.map((name) => [name, value(name)])) });
    const offer = worker.offers[0]!;
    expect(bytesOf(offer)).toBeLessThan(300 * 1024);
    for (const name of names) {
      const ref = offer.refs[`params.${name}`]!;
      const read =
        'inline' in ref
          ? ref.inline
          : JSON.parse(new TextDecoder().decode(await scene.stores.blobs.get('default', ref.digest)));
      expect(read).toBe(value(name));
    }
    await scene.close();
  });

  test('outputs of many steps before it, seen as environment, count too', async () => {
    const before = Array.from({ length: 20 }, (_, index) => `s${index}`);
    const dag = dagOf(
      [
        ...before.map((id) => stepOf(id, { output: id.toUpperCase() })),
        stepOf('end', { depends: before, action: { kind: 'shell', commands: ['env'] } }),
      ],
      { name: 'env' },
    );
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join({ slots: 20 });
    await scene.submit('env');
    for (const offer of worker.offers.slice(0, 20))
      worker.finish(offer, { status: 'succeeded' }, {}, offer.step.padEnd(30_000, 'y'));
    worker.credits(20);
    await scene.settle();
    const end = worker.offers[20]!;
    expect(Object.keys(end.upstreamEnv)).toHaveLength(20);
    expect(bytesOf(end)).toBeLessThan(300 * 1024);
    await scene.close();
  });

  test('an offer holds only the params that the step refers to, and no written-out list of items', async () => {
    const items = Array.from({ length: 5_000 }, (_, index) => `item ${index}`);
    const dag = dagOf([stepOf('f', { foreach: { items, maxConcurrent: 1 } })], {
      name: 'list',
      params: [{ name: 'big', type: 'string', required: true }],
    });
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join();
    await scene.submit('list', { params: { big: 'x'.repeat(30_000) } });
    const offer = worker.offers[0]!;
    expect(offer.item).toEqual({ index: 0, value: { inline: 'item 0' } });
    expect(bytesOf(offer)).toBeLessThan(2_000);
    await scene.close();
  });

  test('a step whose definition no frame can hold fails as too large, before any lease', async () => {
    const script = 'echo 1\n'.repeat(100_000);
    const dag = dagOf([stepOf('a', { action: { kind: 'shell', commands: [script] } })], { name: 'huge' });
    const scene = await createScene({ dags: [dag] });
    const worker = await scene.join();
    const view = await scene.coordinator.getRun('default', await scene.submit('huge'));
    expect(view).toMatchObject({ status: 'failed', steps: [{ attempt: 0, error: { code: 'too_large' } }] });
    expect(worker.offers).toEqual([]);
    await scene.close();
  });
});

describe('after a restart', () => {
  const agent = {
    action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: true, propose: false } },
  } as const;

  test('the bytes of a sealed snapshot are attached again and counted', async () => {
    const scene = await createScene({ dags: [] });
    const dag = dagOf([stepOf('look', agent)], { name: 'scout' });
    await publishProject(scene.stores.projects, scene.hasher, 'default', [dag], 0);
    await scene.submit('scout');
    await scene.restart();
    const worker = await scene.join();
    const envelope = worker.offers[0]?.snapshot?.envelope;
    expect(envelope?.byteLength).toBeGreaterThan(0);
    expect(scene.coordinator.listWorkers(defaultTenant)[0]).toMatchObject({
      snapshotsReceived: 1,
      snapshotBytesReceived: envelope?.byteLength,
      snapshotBytesSaved: 0,
    });
    await scene.close();
  });

  test('a snapshot that the store cannot give now delays the task, and one that is gone fails it with its digest', async () => {
    const scene = await createScene({ dags: [] });
    const dag = dagOf([stepOf('look', agent)], { name: 'scout' });
    await publishProject(scene.stores.projects, scene.hasher, 'default', [dag], 0);
    const runId = await scene.submit('scout');
    const digest = (await scene.coordinator.getRun('default', runId)).snapshotDigest;
    let code: 'unavailable' | 'not_found' = 'unavailable';
    scene.stores.snapshots.readPart = () => Promise.reject(new DomainError(code, 'no part'));
    await scene.restart();
    const worker = await scene.join();
    expect(worker.offers).toEqual([]);
    expect(await scene.status(runId)).toBe('running');
    code = 'not_found';
    await scene.clock.advance(2_000);
    expect(worker.offers).toEqual([]);
    expect(await scene.coordinator.getRun('default', runId)).toMatchObject({
      status: 'failed',
      snapshotDigest: digest,
      steps: [{ attempt: 0, error: { code: 'not_found' } }],
    });
    await scene.close();
  });

  test('a fan-out over 1,000 items that are stored by digest goes on where it was', async () => {
    const list = Array.from({ length: 1_000 }, (_, index) => ({
      index,
      text: `${index} `.padEnd(index % 100 === 0 ? 40_000 : 50, 'z'),
    }));
    const dag = dagOf(
      [
        stepOf('a', { outputs: [{ name: 'list', type: 'array' }] }),
        stepOf('f', {
          depends: ['a'],
          foreach: { items: '${steps.a.outputs.list}', maxConcurrent: 50 },
          outputs: [{ name: 'big', type: 'string' }],
          action: { kind: 'shell', commands: ['echo ${item.index}'] },
        }),
        stepOf('end', { depends: ['f'], action: { kind: 'shell', commands: ['echo ${steps.f.outputs.results}'] } }),
      ],
      { name: 'fan' },
    );
    const scene = await createScene({ dags: [dag], config: { checkpointFacts: 200 } });
    const first = await scene.join({ slots: 50 });
    const runId = await scene.submit('fan');
    const bytes = new TextEncoder().encode(JSON.stringify(list));
    const digest = await scene.stores.blobs.put('default', bytes);
    first.finish(first.offers[0]!, { status: 'succeeded' }, { list: { digest, bytes: bytes.length } });
    first.credits(50);
    await scene.settle();
    const outputs = (index: number) => ({ big: { inline: `out ${index}` } });
    const work = async (worker: typeof first, from: number, until: number): Promise<number> => {
      let at = from;
      for (; at < worker.offers.length && at < until; ) {
        const batch = worker.offers.slice(at, until);
        at += batch.length;
        for (const offer of batch) worker.finish(offer, { status: 'succeeded' }, outputs(offer.item?.index ?? -1));
        worker.credits(50);
        await scene.settle();
      }
      return at;
    };
    await work(first, 1, 501);
    const held = first.offers.slice(501);
    expect(held.length).toBeGreaterThan(0);
    await scene.restart();
    const again = scene.connect(first.info);
    again.hello({
      running: held.map(({ runId: id, step, attempt, token }) => ({ runId: id, step, attempt, token, started: true })),
    });
    await scene.settle();
    expect(again.of('welcome')[0]?.keep).toHaveLength(held.length);
    for (const offer of held) again.finish(offer, { status: 'succeeded' }, outputs(offer.item?.index ?? -1));
    again.credits(50);
    await scene.settle();
    const rest = 1_000 - 500 - held.length;
    await work(again, 0, rest);
    const facts = await scene.facts(runId);
    const leased = facts.flatMap((fact) => (fact.type === 'step_leased' ? [fact.step] : []));
    expect(leased.filter((step) => step.startsWith('f['))).toHaveLength(1_000);
    expect(new Set(leased).size).toBe(leased.length);
    const end = again.offers.at(-1)!;
    expect(end.step).toBe('end');
    const results = (await scene.coordinator.readOutput('default', runId, 'f', 'results')) as {
      item: { index: number };
      outputs: { big: string };
    }[];
    expect(results.map(({ item, outputs: own }) => [item.index, own.big])).toEqual(
      list.map((_, index) => [index, `out ${index}`]),
    );
    again.finish(end);
    await scene.settle();
    expect(await scene.status(runId)).toBe('succeeded');
    await scene.close();
  });
});
