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
const started = { ...rolloutInfo(), forecast: { unitsPerDay: 120, steps: [], warnings: [] } };

test('a weight that it has already is said, and changes nothing', async () => {
  const api = await serve({ [`PATCH ${path}`]: rolloutInfo() });
  const { code, out } = await api.skein('rollout', 'set-weight', 'writer', '0.1%', '--revision', '3');
  expect([code, out.split('\n').slice(0, 2)]).toEqual([
    0,
    ['nothing was changed: it has this weight already', 'rol_1 active, revision 3: stable 99.9 %, candidate 0.1 %'],
  ]);
});

test('weight 0 is said to be for a draft, and is taken for one, with steps and with shadows', async () => {
  const api = await serve({ [`POST ${path}`]: started });
  const start = (...options: string[]) => api.skein('rollout', 'start', 'writer', 'v2', '--weight', '0', ...options);
  expect((await start()).err).toContain('--draft');
  for (const options of [['--draft'], ['--shadow', '10%'], ['--steps', '0,1']])
    expect((await start(...options)).code).toBe(0);
});

test('errors say what to do next', async () => {
  const api = await serve({
    [`POST ${path}`]: [
      problem(409, 'already_exists', 'the agent writer has a live rollout', { rolloutId: 'rol_1' }),
      problem(409, 'illegal_transition', 'not tried again before noon', { reason: 'cooldown', rolloutId: 'rol_0' }),
      problem(400, 'invalid_argument', 'arms: an ab_test has 2 to 8 arms; arms: one must be the active version', {
        problems: [
          { message: 'an ab_test has 2 to 8 arms', field: 'arms' },
          { message: 'one must be the active version', field: 'arms' },
        ],
      }),
    ],
    [`GET ${path}`]: { toJSON: () => null },
    [`GET ${path}s`]: { rollouts: [rolloutInfo({ status: 'completed' })], total: 1, page: 1, perPage: 1 },
  });
  const start = async () => (await api.skein('rollout', 'start', 'writer', 'v2')).err;
  expect(await start()).toContain('has a live rollout (rol_1): look at it with "skein rollout show writer"');
  expect(await start()).toContain('before noon: add --force --reason TEXT to try it all the same');
  const arms = await start();
  expect(arms).toBe(
    'error arms: an ab_test has 2 to 8 arms; arms: one must be the active version (invalid_argument)\n',
  );
  const { code, err } = await api.skein('rollout', 'set-weight', 'writer', '5%');
  expect([code, err]).toEqual([2, expect.stringContaining('no live rollout; the last one, rol_1, is completed')]);
  expect((await api.skein('rollout', 'freeze', 'writer')).err).toContain('a freeze needs a --reason: it is recorded');
  expect((await api.skein('run', 'hello', '--key', 'customer')).err).toContain('--key resourceId=customer-1');
});

test('a draft beside a live one is begun, taken back and cancelled by its id', async () => {
  const ended = { success: true, rollout: rolloutInfo({ status: 'cancelled' }) };
  const api = await serve({
    [`POST ${path}/activate`]: rolloutInfo(),
    [`POST ${path}/rollback`]: ended,
    [`DELETE ${path}`]: ended,
  });
  for (const verb of ['activate', 'rollback', 'cancel']) {
    expect((await api.skein('rollout', verb, 'writer', '--rollout', 'rol_2')).code, verb).toBe(0);
    expect(api.asked.at(-1)?.body, verb).toEqual({ rolloutId: 'rol_2' });
  }
  expect((await api.skein('rollout', 'pause', 'writer', '--rollout', 'rol_2')).code).toBe(2);
});

test('a promotion before the evidence passed is warned of with its E, one after it is not', async () => {
  const won = { success: true, rollout: rolloutInfo({ status: 'completed', winner: 'candidate' }) };
  const { evidence } = rolloutInfo();
  if (evidence === undefined) throw new Error('it has evidence');
  const promotion = { eValue: 21, eMax: 21, threshold: 20, passed: true };
  const passed = rolloutInfo({
    evidence: { ...evidence, tests: evidence.tests.map((each) => ({ ...each, promotion })) },
  });
  const api = await serve({ [`GET ${path}`]: [rolloutInfo(), passed], [`POST ${path}/promote`]: won });
  const early = await api.skein('rollout', 'promote', 'writer');
  expect([early.code, early.err]).toEqual([
    0,
    'warning promoted by hand before the evidence said that candidate is not worse: error E 0.5 of 20\n',
  ]);
  expect((await api.skein('rollout', 'promote', 'writer')).err).toBe('');
  const help = (await api.skein('rollout', 'promote', '--help')).out.replaceAll(/\s+/g, ' ');
  expect(help).toContain('by hand it needs no evidence');
  expect(help).toContain('while the numbers are not to be trusted (the SRM alarm, a silent scorer)');
});

test('a run is shown with the alias of its version and the label of its arm, and without them when they cannot be looked up', async () => {
  const run = 'run_01a1fbca-4cf7-73cd-9cfd-319d468805d3';
  const versionId = `sha256:${'b'.repeat(64)}`;
  const agents = { writer: { versionId, source: 'segments', rolloutId: 'rol_1', arm: 1 } };
  const view = { runId: run, dag: 'hello', dagDigest: versionId, status: 'queued', params: {}, steps: [], agents };
  const known = await serve({
    [`GET /api/runs/${run}`]: view,
    'GET /api/agents/writer/versions': { items: [{ versionId, alias: 'v2' }], nextCursor: null },
    'GET /api/rollouts/rol_1': rolloutInfo(),
  });
  expect((await known.skein('runs', 'show', run)).out).toContain(
    'agents    writer v2 sha256:bbbbbbbbbbbb (segments, candidate of rol_…1)',
  );
  const bare = await serve({ [`GET /api/runs/${run}`]: view });
  expect(await bare.skein('runs', 'show', run)).toMatchObject({
    code: 0,
    out: expect.stringContaining('agents    writer sha256:bbbbbbbbbbbb (segments, arm 1 of rol_…1)'),
  });
});
