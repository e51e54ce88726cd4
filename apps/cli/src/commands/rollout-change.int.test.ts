import { afterEach, expect, test } from 'vitest';
import { rolloutInfo } from '../../test/rollout-info.ts';
import { problem, scriptedApi } from '../../test/scripted-api.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});
const serve = async (answers: Parameters<typeof scriptedApi>[0]) => {
  const api = await scriptedApi(answers);
  closers.push(api.close);
  return api;
};

const path = '/api/agents/writer/rollout';
const [past, future] = ['2001-01-01T00:00:00.000Z', '2101-01-01T00:00:00.000Z'];
const sentences = ['The canary of v2 began.', 'admin asked for it.', '0.1 % of units get v2.'];
const pinned = rolloutInfo({
  forced: [
    { unit: 'old', arm: 1, until: Date.parse(past) },
    { unit: 'you', arm: 1, until: Date.parse(future) },
    { unit: 'them', arm: 0 },
  ],
});
const live = { [`GET ${path}`]: pinned, [`PATCH ${path}`]: rolloutInfo({ revision: 4 }) };

test('changes run policy and rules with the revision that it read, or with the one that is given', async () => {
  const api = await serve(live);
  const settings = [
    '--run-policy',
    'migrate',
    '--on-no-data',
    'ignore',
    '--rule',
    'error',
    '--rule',
    'latency,margin=0.1',
  ];
  const more = ['--reason', 'slower is fine', '--force'];
  const { code, out } = await api.skein('rollout', 'change', 'writer', ...settings, ...more);
  expect([code, out.split('\n')]).toEqual([
    0,
    [
      'changed: run policy migrate, without data ignore, rules',
      'rol_1 active, revision 4: stable 99.9 %, candidate 0.1 %',
      ...sentences,
      '',
    ],
  ]);
  expect(api.asked.at(-1)?.body).toEqual({
    revision: 3,
    runPolicy: 'migrate',
    onNoData: 'ignore',
    rules: [{ metric: 'error' }, { metric: 'latency', margin: 0.1 }],
    reason: 'slower is fine',
    force: true,
  });
  const before = api.asked.length;
  const json = await api.skein('rollout', 'change', 'writer', '--run-policy', 'abort', '--revision', '8', '--json');
  expect(JSON.parse(json.out)).toMatchObject({ id: 'rol_1', revision: 4 });
  expect(api.asked.slice(before).map(({ body }) => body)).toEqual([{ runPolicy: 'abort', revision: 8 }]);
});

test('pins join those that are there; those that have ended are left out, and that is said', async () => {
  const api = await serve(live);
  const pins = ['--pin', 'a=b=candidate', '--pin', `me=stable@${future}`, '--unpin', 'them'];
  const { code, out, err } = await api.skein('rollout', 'change', 'writer', ...pins);
  expect([code, err, out.split('\n')[0]]).toEqual([
    0,
    'pins that have ended are left out: old\n',
    'changed: a=b gets candidate, me gets stable until 2101-01-01 00:00:00, them is not pinned any more',
  ]);
  expect(api.asked.at(-1)?.body).toEqual({
    revision: 3,
    forced: [
      { unit: 'you', arm: 'candidate', until: future },
      { unit: 'a=b', arm: 'candidate' },
      { unit: 'me', arm: 'stable', until: future },
    ],
  });
});

test('a start pins units too', async () => {
  const api = await serve({
    [`POST ${path}`]: { ...rolloutInfo(), forecast: { unitsPerDay: 1, steps: [], warnings: [] } },
  });
  const pins = ['--pin', 'me=candidate', '--pin', `you=stable@${future}`];
  expect((await api.skein('rollout', 'start', 'writer', 'v2', ...pins)).code).toBe(0);
  expect(api.asked[0]?.body).toMatchObject({
    forced: [
      { unit: 'me', arm: 'candidate' },
      { unit: 'you', arm: 'stable', until: future },
    ],
  });
});

test('when somebody else was faster it says what there is now, and pins nothing over theirs', async () => {
  const current = rolloutInfo({ status: 'paused', revision: 9 });
  const api = await serve({
    [`GET ${path}`]: pinned,
    [`PATCH ${path}`]: problem(409, 'version_conflict', 'stale', { current, revision: 9 }),
  });
  const late = await api.skein('rollout', 'change', 'writer', '--pin', 'me=candidate');
  expect([late.code, late.out]).toEqual([1, '']);
  expect(late.err).toContain('somebody changed the rollout in the meantime: it is paused at revision 9 now');
  expect(late.err).toContain('Look at it with "skein rollout show writer", then try again');
  const before = api.asked.length;
  const stale = await api.skein('rollout', 'change', 'writer', '--pin', 'me=candidate', '--revision', '2');
  expect(stale.err).toContain('it is active at revision 3 now');
  expect([stale.code, api.asked.slice(before).map(({ call }) => call)]).toEqual([1, [`GET ${path}`]]);
});

test('without a live rollout it says what the last one was', async () => {
  const api = await serve({
    [`GET ${path}`]: { toJSON: () => null },
    [`GET ${path}s`]: { rollouts: [rolloutInfo({ status: 'completed' })], total: 1, page: 1, perPage: 1 },
  });
  for (const change of [
    ['--pin', 'me=candidate'],
    ['--run-policy', 'abort'],
  ]) {
    const { code, err } = await api.skein('rollout', 'change', 'writer', ...change);
    expect([code, err]).toEqual([2, expect.stringContaining('no live rollout; the last one, rol_1, is completed')]);
  }
});

test('a unit that is not pinned is not taken away, and nothing is changed', async () => {
  const api = await serve(live);
  const { code, err } = await api.skein('rollout', 'change', 'writer', '--unpin', 'thme');
  expect([code, api.asked.length]).toEqual([2, 1]);
  expect(err).toContain('thme is not pinned');
});

test.each([
  [['--reason', 'x'], 'nothing would change'],
  [['--run-policy', 'abort', '--force'], '--force needs a --reason'],
  [['--run-policy', 'explode'], 'Allowed choices are drain, migrate, abort'],
  [['--rule', 'margin=1'], 'names no metric'],
  [['--pin', 'me'], 'UNIT=ARM'],
])('the wrong call rollout change %j is 2, says why and asks for nothing', async (args, why) => {
  const api = await serve({});
  const { code, err } = await api.skein('rollout', 'change', 'writer', ...args);
  expect([code, api.asked]).toEqual([2, []]);
  expect(err).toContain(why);
});
