import { stripVTControlCharacters } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { captureCli } from '../../test/capture.ts';
import { rolloutInfo } from '../../test/rollout-info.ts';
import { problem, scriptedApi } from '../../test/scripted-api.ts';
import { createCli } from '../cli/cli.ts';
import { runCli } from '../cli/run-cli.ts';
import { readConfig } from '../config.ts';

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
const sentences = ['The canary of v2 began.', 'admin asked for it.', '0.1 % of units get v2.'];
const run = 'run_01a1fbca-4cf7-73cd-9cfd-319d468805d3';

test('starts a canary as it was asked to, and prints the forecast and the sentences', async () => {
  const api = await serve({ [`POST ${path}`]: started });
  const options = [
    '--weight',
    '0.1%',
    '--steps',
    '0.1%:20:10m,1',
    '--rule',
    'latency,margin=0.1',
    '--scorer',
    'polite',
  ];
  const more = [
    '--key',
    'tenantId',
    '--eligible',
    'context.plan == "pro"',
    '--run-policy',
    'migrate',
    '--memory',
    'forked',
  ];
  const last = [
    '--replay',
    'sample:50',
    '--shadow',
    '10%',
    '--draft',
    '--force',
    '--reason',
    'a fix',
    '--horizon',
    '30d',
    '--on-no-data',
    'ignore',
  ];
  const { code, out } = await api.skein('rollout', 'start', 'writer', 'v2', ...options, ...more, ...last);
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    'rol_1',
    '120 units per day use the agent',
    'no plan: weights stay until somebody changes them',
    '',
    ...sentences,
    '',
  ]);
  expect(api.asked[0]?.body).toEqual({
    type: 'canary',
    candidateVersionId: 'v2',
    weight: '0.001',
    steps: [{ weight: '0.001', minUnits: 20, minDurationMs: 600_000 }, { weight: '1' }],
    rules: [{ metric: 'latency', margin: 0.1 }],
    scorers: [{ id: 'polite', kind: 'posted' }],
    routingKeys: ['tenantId'],
    eligibility: 'context.plan == "pro"',
    runPolicy: 'migrate',
    onNoData: 'ignore',
    memory: 'forked',
    horizonMs: 2_592_000_000,
    replay: { runs: { kind: 'sample' }, limit: 50 },
    shadow: '0.1',
    draft: true,
    force: true,
    reason: 'a fix',
  });
});

test('starts an experiment', async () => {
  const api = await serve({ [`POST ${path}`]: started });
  await api.skein('rollout', 'start', 'writer', '--arm', 'v1=50%', '--arm', 'v2=0.5=short', '--json');
  expect(api.asked[0]?.body).toEqual({
    type: 'ab_test',
    arms: [
      { versionId: 'v1', weight: '0.5' },
      { versionId: 'v2', weight: '0.5', label: 'short' },
    ],
  });
});

test('a dry run asks for the forecast only, and fails for a plan that cannot finish', async () => {
  const forecast = { unitsPerDay: 1, steps: [], warnings: [], impossible: 'it never ends' };
  const api = await serve({ [`POST ${path}/forecast`]: forecast });
  const { code, out } = await api.skein('rollout', 'start', 'writer', 'v2', '--dry-run');
  expect([code, out]).toEqual([1, expect.stringContaining('impossible it never ends')]);
  expect(api.asked).toHaveLength(1);
});

test.each([
  [['start', 'writer']],
  [['start', 'writer', 'v2', '--arm', 'v1=50%']],
  [['start', 'writer', 'v2', '--weight', '500%']],
  [['start', 'writer', 'v2', '--force']],
  [['start', 'writer', 'v2', '--run-policy', 'explode']],
  [['start', 'writer', 'v2', '--alpha', 'small']],
  [['set-weight', 'writer']],
  [['set-weight', 'writer', '5']],
  [['set-weight', 'writer', 'a=5%', '5%']],
  [['promote', 'writer', '--force']],
  [['pause', 'writer', '--revision', '0']],
  [['freeze', 'writer']],
  [['start', 'writer', 'v2', '--weight', '0']],
  [['replay', 'writer']],
  [['replay', 'writer', '--candidate', 'v2', '--runs', 'all']],
  [['list', '--per-page', '101']],
])('the wrong call rollout %j is 2 and asks for nothing', async (args) => {
  const api = await serve({});
  expect((await api.skein('rollout', ...args)).code).toBe(2);
  expect(api.asked).toEqual([]);
});

test('a change reads the revision itself, unless one is given', async () => {
  const api = await serve({ [`GET ${path}`]: rolloutInfo(), [`PATCH ${path}`]: rolloutInfo({ revision: 4 }) });
  const { code, out } = await api.skein('rollout', 'set-weight', 'writer', '0.25%', '--reason', 'slower');
  expect([code, out.split('\n')]).toEqual([
    0,
    ['rol_1 active, revision 4: stable 99.9 %, candidate 0.1 %', ...sentences, ''],
  ]);
  expect(api.asked.at(-1)?.body).toEqual({ weight: '0.0025', reason: 'slower', revision: 3 });
  await api.skein('rollout', 'set-weight', 'writer', 'stable=0.9', 'candidate=10%', '--revision', '8');
  expect(api.asked).toHaveLength(3);
  expect(api.asked.at(-1)?.body).toEqual({ weights: { stable: '0.9', candidate: '0.1' }, revision: 8 });
});

test('a conflict says kindly what is there now, and fails', async () => {
  const current = { ...rolloutInfo({ status: 'paused', revision: 9 }) };
  const api = await serve({
    [`POST ${path}/promote`]: problem(409, 'version_conflict', 'stale', { current, revision: 9 }),
  });
  const { code, err } = await api.skein('rollout', 'promote', 'writer', '--revision', '3');
  expect(code).toBe(1);
  expect(err).toContain('it is paused at revision 9 now. Look at it with "skein rollout show writer"');
  const { err: json } = await api.skein('rollout', 'promote', 'writer', '--revision', '3', '--json');
  expect(JSON.parse(json)).toMatchObject({ code: 'version_conflict', details: { revision: 9 } });
});

test('promotes with what it saw, and takes back, pauses, resumes, approves and cancels without a look', async () => {
  const ended = { success: true, rollout: rolloutInfo({ status: 'completed', revision: 4 }) };
  const calls = ['pause', 'resume', 'approve', 'activate'].map(
    (verb) => [`POST ${path}/${verb}`, rolloutInfo()] as const,
  );
  const api = await serve({
    [`GET ${path}`]: rolloutInfo(),
    [`POST ${path}/promote`]: ended,
    [`POST ${path}/rollback`]: ended,
    [`DELETE ${path}`]: ended,
    ...Object.fromEntries(calls),
  });
  await api.skein('rollout', 'promote', 'writer', '--winner', 'v2', '--force', '--reason', 'x');
  expect(api.asked.at(-1)?.body).toEqual({ reason: 'x', revision: 3, versionId: 'v2', force: true });
  for (const verb of ['pause', 'resume', 'approve', 'activate', 'rollback', 'cancel']) {
    const before = api.asked.length;
    expect((await api.skein('rollout', verb, 'writer', '--reason', 'y')).code, verb).toBe(0);
    expect(
      api.asked.slice(before).map(({ body }) => body),
      verb,
    ).toEqual([{ reason: 'y' }]);
  }
});

test('shows the live rollout, or the last one when there is none, or says that there was none', async () => {
  const list = (...rollouts: object[]) => ({ rollouts, total: rollouts.length, page: 1, perPage: 1 });
  const freeze = { 'GET /api/agents/writer/freeze': { agentId: 'writer', by: 'admin', reason: 'x', at: '' } };
  const live = await serve({ [`GET ${path}`]: rolloutInfo(), ...freeze });
  expect((await live.skein('rollout', 'show', 'writer')).out).toContain('frozen    by admin');
  expect(JSON.parse((await live.skein('rollout', 'show', 'writer', '--json')).out)).toMatchObject({ id: 'rol_1' });
  const none = { toJSON: () => null };
  const over = await serve({
    [`GET ${path}`]: none,
    [`GET ${path}s`]: list(rolloutInfo({ status: 'rolled_back' })),
    ...freeze,
  });
  expect((await over.skein('rollout', 'show', 'writer')).out).toContain('rolled_back');
  const never = await serve({ [`GET ${path}`]: none, [`GET ${path}s`]: list() });
  expect(await never.skein('rollout', 'show', 'writer')).toMatchObject({
    code: 2,
    err: expect.stringContaining('has had no rollout'),
  });
});

test('an unknown agent is named with the one that was probably meant', async () => {
  const api = await serve({ 'GET /api/agents': { items: [{ agentId: 'writer', versions: 1 }], nextCursor: null } });
  expect((await api.skein('rollout', 'show', 'writr')).err).toContain('did you mean writer?');
});

test.each([
  ['completed', 0],
  ['rolled_back', 1],
  ['cancelled', 1],
] as const)('watch prints what is new line by line and ends with the rollout: %s is %d', async (status, code) => {
  const first = rolloutInfo();
  const last = rolloutInfo({ status, revision: 4, completedAt: '2026-11-03T00:00:00.000Z', waitingFor: [] });
  const api = await serve({ [`GET ${path}/watch`]: { events: [first, first, last] } });
  const watched = await api.skein('rollout', 'watch', 'writer');
  expect(watched.code).toBe(code);
  expect(watched.out.split('\n')).toEqual([
    expect.stringMatching(/^2026-11-02 03:04:05 {2}active {2}revision 3/),
    ...sentences.map((sentence) => `  ${sentence}`),
    '  - 18 more units',
    expect.stringContaining(`${status}  revision 4`),
    ...sentences.map((sentence) => `  ${sentence}`),
    '',
  ]);
  const json = await api.skein('rollout', 'watch', 'writer', '--json');
  expect(
    json.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { status: string }).status),
  ).toEqual(['active', 'active', status]);
});

test('on a terminal watch draws one screen again and again, and leaves the last one', async () => {
  const last = rolloutInfo({ status: 'completed', completedAt: '2026-11-03T00:00:00.000Z' });
  const api = await serve({ [`GET ${path}/watch`]: { events: [rolloutInfo(), last] } });
  const { cli, said } = captureCli({ env: { SKEIN_URL: api.url, SKEIN_TOKEN: 'tok', TERM: 'xterm' } });
  const live = Object.defineProperty(cli, 'live', { value: true });
  expect(await runCli(live, ['rollout', 'watch', 'writer'])).toBe(0);
  const frames = said.out.split('active (requested)');
  expect(frames.length).toBeGreaterThanOrEqual(2);
  // Each frame but the first goes up over the one before.
  expect(frames.at(-1)).toMatch(/\[\d+A.*completed \(requested\)/s);
  expect(said.out.endsWith('\u001b[?25h')).toBe(true);
  const lines = stripVTControlCharacters(said.out).split('\n');
  expect(Math.max(...lines.map((line) => line.replace('\r', '').length))).toBeLessThan(80);
});

test('NO_COLOR takes the colours from the live screen, and keeps the screen', async () => {
  const last = rolloutInfo({ status: 'completed', completedAt: '2026-11-03T00:00:00.000Z' });
  const api = await serve({ [`GET ${path}/watch`]: { events: [rolloutInfo(), last] } });
  const chunks: string[] = [];
  const write = (chunk: string | Uint8Array): unknown => chunks.push(String(chunk));
  const cli = createCli({
    config: readConfig({ SKEIN_URL: api.url, SKEIN_TOKEN: 'tok', TERM: 'xterm', NO_COLOR: '1' }, true),
    cwd: process.cwd(),
    interactive: true,
    stdout: { isTTY: true, columns: 100, rows: 40, write },
    stderr: { write },
    signal: new AbortController().signal,
  });
  expect(await runCli(cli, ['rollout', 'watch', 'writer'])).toBe(0);
  const out = chunks.join('');
  expect(out).toContain('\u001b[?25l');
  expect(out).toBe(out.replaceAll(/\[\d+m/g, ''));
});

test('Ctrl-C ends watching with 1; the rollout goes on', async () => {
  const interrupt = new AbortController();
  const api = await serve({
    [`GET ${path}/watch`]: () => {
      interrupt.abort();
      return { events: [rolloutInfo()] };
    },
  });
  expect(await api.interruptedSkein(interrupt.signal, 'rollout', 'watch', 'writer')).toMatchObject({
    code: 1,
    err: '',
  });
  expect(api.asked.map(({ call }) => call)).toEqual([`GET ${path}/watch`]);
});

test('nothing to watch is 2 and names what helps', async () => {
  const api = await serve({ [`GET ${path}/watch`]: problem(404, 'not_found', 'agent writer has no rollout to watch') });
  expect(await api.skein('rollout', 'watch', 'writer')).toMatchObject({
    code: 2,
    err: expect.stringContaining('skein rollout list'),
  });
});

test('lists rollouts page by page, and observations by cursor', async () => {
  const api = await serve({
    'GET /api/rollouts': { rollouts: [rolloutInfo()], total: 3, page: 1, perPage: 1 },
    [`GET ${path}/observations`]: {
      items: [
        {
          seq: 1,
          unit: 'f',
          arm: 1,
          armLabel: 'candidate',
          epoch: 1,
          metric: 'error',
          value: null,
          runId: run,
          assignedAt: '2026-11-02T03:04:05.000Z',
          at: '',
        },
      ],
      nextCursor: 'n',
      rolloutId: 'rol_1',
      arms: ['stable', 'candidate'],
    },
  });
  const listed = await api.skein('rollout', 'list', '--per-page', '1');
  expect(listed.out).toContain('more: --page 2 of 3 rollouts');
  await api.skein('rollout', 'list', '--per-page', 'all');
  expect(api.asked.map(({ call }) => call)).toEqual([
    'GET /api/rollouts?page=1&perPage=1',
    'GET /api/rollouts?page=1&perPage=false',
  ]);
  const observed = await api.skein('rollout', 'observations', 'writer', '--metric', 'error', '--limit', '1');
  expect(observed.out).toMatch(/1 {2}candidate {2}error {3}missing {2}run_/);
  expect(observed.out).toContain('more: --cursor n');
});
