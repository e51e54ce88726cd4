import type {
  PatchRollout,
  PostScore,
  ReplayView,
  RolloutView,
  RolloutForecast as ServedForecast,
  ReplayInput as ServedReplayInput,
  RolloutResults as ServedResults,
  StartRollout,
} from '@skein/coordinator';
import {
  createClient,
  type PatchRolloutInput,
  type PostScoreInput,
  type ReplayInfo,
  type ReplayInput,
  type RolloutForecast,
  type RolloutInfo,
  type RolloutResults,
  type SkeinClient,
  type StartRolloutInput,
} from '@skein/sdk';
import { afterEach, expect, expectTypeOf, test } from 'vitest';
import { apiToken } from '../../packages/http/test/fake-coordinator.ts';
import { rolloutView } from '../../packages/http/test/fake-rollouts.ts';
import { startApi } from '../../packages/http/test/start-api.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** The client against the routes over a real connection; behind them a coordinator that only keeps what it was asked. */
const connected = async () => {
  const { server, coordinator } = startApi();
  closers.push(() => server.close());
  const { url } = await server.listen('127.0.0.1', 0);
  return {
    skein: createClient({ url, token: apiToken, retry: { attempts: 1 } }),
    fake: coordinator.rollouts,
    coordinator,
  };
};

test('[defect 20] the client knows every route of rollouts, with the types that the coordinator serves', () => {
  expectTypeOf<RolloutInfo>().toEqualTypeOf<RolloutView>();
  expectTypeOf<RolloutForecast>().toEqualTypeOf<ServedForecast>();
  expectTypeOf<RolloutResults>().toEqualTypeOf<ServedResults>();
  expectTypeOf<ReplayInfo>().toEqualTypeOf<ReplayView>();
  expectTypeOf<StartRolloutInput>().toEqualTypeOf<StartRollout>();
  expectTypeOf<PatchRolloutInput>().toEqualTypeOf<PatchRollout>();
  expectTypeOf<ReplayInput>().toEqualTypeOf<ServedReplayInput>();
  expectTypeOf<PostScoreInput>().toEqualTypeOf<PostScore>();
  expectTypeOf<SkeinClient['rollouts']>().toHaveProperty('promote');
  // @ts-expect-error a promotion needs the revision
  const wrong: Parameters<SkeinClient['rollouts']['promote']>[1] = {};
  expect(wrong).toEqual({});
});

test('[defect 20] every call of the client reaches its route', async () => {
  const { skein, fake } = await connected();
  const plan = { type: 'canary', candidateVersionId: 'v2', weight: '0.001' } as const;
  expect(await skein.rollouts.get('writer')).toBeUndefined();
  expect(await skein.rollouts.forecast('writer', plan)).toMatchObject({ unitsPerDay: 12 });
  expect(await skein.rollouts.start('writer', { ...plan, draft: true })).toMatchObject({
    status: 'draft',
    forecast: {},
  });
  expect(await skein.rollouts.activate('writer')).toMatchObject({ status: 'active', revision: 2 });
  expect(await skein.rollouts.patch('writer', { revision: 2, weight: 0.1 })).toMatchObject({ revision: 3 });
  expect(await skein.rollouts.pause('writer', { reason: 'lunch' })).toMatchObject({ status: 'paused' });
  expect(await skein.rollouts.resume('writer')).toMatchObject({ status: 'active' });
  expect(await skein.rollouts.approve('writer')).toMatchObject({ revision: 6 });
  expect(await skein.rollouts.results('writer')).toMatchObject({ rolloutId: 'rol_1' });
  expect(await skein.rollouts.observations('writer', { metric: 'error', limit: 1 })).toMatchObject({
    nextCursor: 'next',
  });
  expect(await skein.rollouts.promote('writer', { revision: 6 })).toMatchObject({ status: 'completed' });
  expect(await skein.rollouts.read('rol_1')).toMatchObject({ status: 'completed' });
  fake.set(rolloutView({ id: 'rol_2' }));
  expect(await skein.rollouts.rollback('writer')).toMatchObject({ status: 'rolled_back' });
  fake.set(rolloutView({ id: 'rol_3' }));
  expect(await skein.rollouts.cancel('writer')).toMatchObject({ status: 'cancelled' });
  expect(await skein.rollouts.list({ agentId: 'writer', perPage: 2 })).toMatchObject({
    total: 3,
    rollouts: [{ id: 'rol_3' }, {}],
  });
  expect((await skein.rollouts.list({ perPage: false })).rollouts).toHaveLength(3);
  expect(await skein.rollouts.events({ after: 3 })).toEqual({ items: [], next: 3 });
  expect(await skein.freezes.set('writer', 'on fire')).toMatchObject({ by: 'admin' });
  expect(await skein.freezes.get('writer')).toMatchObject({ reason: 'on fire' });
  await skein.freezes.end('writer');
  expect(await skein.freezes.get('writer')).toBeUndefined();
  const replay = await skein.replays.start('writer', { candidate: 'v2', runs: { kind: 'failed' } });
  expect(await skein.replays.get('writer', replay.id)).toEqual(replay);
  expect(await skein.replays.list('writer', { limit: 3 })).toEqual([replay]);
  const { score } = await skein.scores.post('run_1', { scorer: 'polite', value: 0.5 });
  expect(await skein.scores.list('run_1')).toEqual([score]);
});

test('watches a rollout to its end', async () => {
  const { skein, fake } = await connected();
  fake.set(rolloutView());
  const seen: string[] = [];
  for await (const { status } of skein.rollouts.watch('writer')) {
    seen.push(status);
    if (status === 'active') await skein.rollouts.pause('writer');
    else if (status === 'paused') await skein.rollouts.rollback('writer');
  }
  expect(seen).toEqual(['active', 'paused', 'rolled_back']);
});

test('[defect 2] the one way to start a run carries its routing context, and a retry may keep its versions', async () => {
  const { skein, coordinator } = await connected();
  const routingContext = { resourceId: 'tenant-9', threadId: 'thread-42' };
  const { run } = await skein.runs.submit({ dag: 'hello', routingContext });
  expect(run.routingContext).toEqual(routingContext);
  await skein.runs.retry(run.runId, { sameVersions: true });
  expect(coordinator.retried).toEqual([{ by: 'admin', sameVersions: true, idempotencyKey: expect.any(String) }]);
});
