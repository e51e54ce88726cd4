import { afterEach, expect, test } from 'vitest';
import { runCommand } from '../../test/capture.ts';
import { rolloutInfo } from '../../test/rollout-info.ts';
import { scriptedApi } from '../../test/scripted-api.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});
const serve = async (answers: Parameters<typeof scriptedApi>[0]) => {
  const api = await scriptedApi(answers);
  closers.push(api.close);
  return api;
};

const sentences = ['The canary of v2 began.', 'admin asked for it.', '0.1 % of units get v2.'];
const run = 'run_01a1fbca-4cf7-73cd-9cfd-319d468805d3';

test('a replay is waited for, and fails unless it passed', async () => {
  const replay = (status: string, pairs: object[] = []) => ({
    id: 'rpl_1',
    agentId: 'writer',
    candidateVersionId: 'sha256:b',
    status,
    mode: 'strict',
    createdAt: '',
    pairs,
    comparison: [{ metric: 'error', pairs: 2, meanDifference: -0.5, eWorse: 30, eNotWorse: 0.1, decides: true }],
    explanation: rolloutInfo().explanation,
  });
  const pairs = ['done', 'failed'].map((state) => ({
    runId: run,
    step: 'a',
    state,
    values: {},
    divergedCalls: 1,
    ...(state === 'failed' ? { reason: 'its record is gone' } : {}),
  }));
  const api = await serve({
    'POST /api/agents/writer/replays': replay('running'),
    'GET /api/agents/writer/replays/rpl_1': replay('failed', pairs),
  });
  const waited = await api.skein(
    'rollout',
    'replay',
    'writer',
    '--candidate',
    'v2',
    '--runs',
    'low-score:0.7',
    '--min-pairs',
    '3',
    '--wait',
  );
  expect(waited.code).toBe(1);
  expect(waited.out).toContain('rpl_1 of writer failed: 2 of 2 pairs, 1 failed, 2 calls that were not recorded');
  expect(waited.out).toContain(`- ${run} a: its record is gone`);
  expect(waited.out).toMatch(/DECIDES\n.*yes/);
  expect(api.asked[0]?.body).toEqual({ candidate: 'v2', runs: { kind: 'low_score', below: 0.7 }, minPairs: 3 });
  expect((await api.skein('rollout', 'replay', 'writer', '--id', 'rpl_1')).code).toBe(0);
});

test('a freeze is set and ended, events are read', async () => {
  const { explanation, revision } = rolloutInfo();
  const event = {
    seq: 5,
    rolloutId: 'rol_1',
    agentId: 'writer',
    revision,
    type: 'paused',
    at: '2026-11-02T03:04:05.000Z',
    by: { actor: 'evaluator' },
    reason: 'no_data',
    explanation,
  };
  const api = await serve({
    'PUT /api/agents/writer/freeze': { agentId: 'writer', by: 'admin', reason: 'x', at: '2026-11-02T03:04:05.000Z' },
    'DELETE /api/agents/writer/freeze': {},
    'GET /api/rollout-events': { items: [event], next: 5 },
  });
  expect((await api.skein('rollout', 'freeze', 'writer', '--reason', 'x')).out).toBe(
    'writer is frozen since 2026-11-02 03:04:05\n',
  );
  expect((await api.skein('rollout', 'unfreeze', 'writer')).out).toBe('writer is not frozen\n');
  const { out } = await api.skein('rollout', 'events', '--after', '4');
  expect(out).toContain(`paused  r3  evaluator  ${sentences.join(' ')}`);
  expect(api.asked.at(-1)?.call).toBe('GET /api/rollout-events?after=4&limit=100');
});

test('a run carries its keys, a retry can keep its versions, a score is given and listed', async () => {
  const view = { runId: run, status: 'queued', steps: [], dag: 'hello' };
  const score = {
    runId: run,
    agentId: 'writer',
    versionId: 'v',
    scorer: 'polite',
    step: '',
    value: 0.9,
    by: 'admin',
    at: '2026-11-02T03:04:05.000Z',
  };
  const api = await serve({
    'POST /api/runs': view,
    [`POST /api/runs/${run}/retry`]: view,
    [`GET /api/runs/${run}/effects`]: { items: [], nextCursor: null },
    [`POST /api/runs/${run}/scores`]: [
      { score, recorded: true, counted: true },
      { score, recorded: true, counted: false, why: 'no scorer polite is declared' },
    ],
    [`GET /api/runs/${run}/scores`]: { items: [score] },
  });
  await api.skein('run', 'hello', '--key', 'resourceId=a=b', '--routing-context', '{"plan":"pro","n":1}');
  expect(api.asked[0]?.body).toEqual({
    dag: 'hello',
    params: {},
    routingContext: { plan: 'pro', n: 1, resourceId: 'a=b' },
  });
  await api.skein('retry', run, '--same-versions');
  expect(api.asked[1]?.body).toEqual({ latest: false, sameVersions: true });
  expect((await api.skein('score', run, '--scorer', 'polite', '--value', '0.9')).out).toBe(
    `polite 0.9 for writer in ${run}, counted by its rollout\n`,
  );
  expect(await api.skein('score', run, '--scorer', 'polite', '--value', '0.9')).toMatchObject({
    code: 0,
    out: `polite 0.9 for writer in ${run}\n`,
    err: 'warning no scorer polite is declared\n',
  });
  expect((await api.skein('score', run)).out).toContain('polite');
  for (const args of [
    ['--scorer', 'a'],
    ['--scorer', 'a', '--value', '2'],
    ['--scorer', 'a', '--value', 'x'],
  ]) {
    expect((await runCommand(['score', run, ...args])).code, args.join(' ')).toBe(2);
  }
});

test('activates a draft whose replay has not passed by force, with a reason only', async () => {
  const api = await serve({ ['POST /api/agents/writer/rollout/activate']: rolloutInfo() });
  const refused = await api.skein('rollout', 'activate', 'writer', '--force');
  expect([refused.code, api.asked.length]).toEqual([2, 0]);
  expect(refused.err).toContain('--force needs a --reason');
  await api.skein('rollout', 'activate', 'writer', '--rollout', 'rol_1', '--force', '--reason', 'x');
  expect(api.asked.at(-1)?.body).toEqual({ reason: 'x', rolloutId: 'rol_1', force: true });
});

test('a rollout waits for a replay of as many pairs as somebody wants', async () => {
  const api = await serve({
    'POST /api/agents/writer/rollout': { ...rolloutInfo(), forecast: { unitsPerDay: 9, steps: [], warnings: [] } },
  });
  const start = ['rollout', 'start', 'writer', 'v2', '--min-pairs', '7'];
  const refused = await api.skein(...start);
  expect([refused.code, api.asked.length]).toEqual([2, 0]);
  expect(refused.err).toContain('--min-pairs goes with --replay');
  await api.skein(...start, '--replay', 'sample:50');
  expect(api.asked.at(-1)?.body).toMatchObject({ replay: { runs: { kind: 'sample' }, limit: 50, minPairs: 7 } });
});
