import { afterEach, expect, test } from 'vitest';
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

const id = 'run_01a1fbca-4cf7-73cd-9cfd-319d468805d3';
const other = 'run_01a1fbca-5cf7-73cd-9cfd-319d468805d3';
const step = (stepId: string, more: object = {}) => ({
  id: stepId,
  status: 'running',
  attempt: 1,
  outputs: {},
  ...more,
});
const run = (...steps: object[]) => ({
  runId: id,
  dag: 'hello',
  dagDigest: `sha256:${'a'.repeat(64)}`,
  status: 'running',
  params: { who: 'geese', n: 3 },
  routingContext: {},
  createdAt: '2026-11-02T03:04:05.678Z',
  agents: {},
  steps,
  partial: false,
});

test('a retry and a redrive warn of calls whose outcome nobody knows, and only of steps that run again', async () => {
  const effect = (of: string, status: string) => ({ runId: id, step: of, status });
  const letter = { id: 'dl:x', kind: 'task', runId: id, step: 'write', status: 'redriven', redrivenRunId: other };
  const answers = (...effects: object[]) => ({
    [`GET /api/runs/${id}`]: run(step('write', { status: 'failed' }), step('plan', { status: 'succeeded' })),
    [`POST /api/runs/${id}/retry`]: { ...run(), runId: other },
    'POST /api/dead-letters/dl%3Ax/redrive': { deadLetter: letter, runId: other, dryRun: false },
    [`GET /api/runs/${id}/effects`]: { items: effects, nextCursor: null },
  });
  const api = await serve(
    answers(
      effect('write', 'unknown'),
      effect('write[3]', 'unknown'),
      effect('write', 'done'),
      effect('plan', 'unknown'),
    ),
  );
  const warning = `warning 2 tool calls have an unknown outcome and may be made again, under another key: skein effects ${id}\n`;
  expect(await api.skein('retry', id)).toEqual({ code: 0, out: `${other}\n`, err: warning });
  expect(await api.skein('dead-letters', 'redrive', 'dl:x')).toMatchObject({ code: 0, err: warning });
  const known = await serve(answers(effect('write', 'done')));
  expect(await known.skein('retry', id)).toEqual({ code: 0, out: `${other}\n`, err: '' });
});

test('says that there are more delivery events, and finds the newest', async () => {
  const all = Array.from({ length: 37 }, (_, index) => ({
    seq: index + 1,
    kind: 'expired',
    at: '2026-11-02T03:04:05.678Z',
    itemId: `msg_${index + 1}`,
    runId: id,
    step: 'write',
    reason: 'ttl_expired',
  }));
  const api = await serve({
    'GET /api/delivery-events': ({ call }: { call: string }) => {
      const query = new URL(call.slice('GET '.length), 'http://x').searchParams;
      const [after, limit] = [Number(query.get('after')), Number(query.get('limit'))];
      const items = all.filter(({ seq }) => seq > after).slice(0, limit);
      return { items, next: items.at(-1)?.seq ?? after, gap: null };
    },
  });
  expect((await api.skein('events', '--limit', '2')).out).toMatch(/\n2 .*\nmore: --after 2\n$/);
  const { items } = JSON.parse((await api.skein('events', '--last', '3', '--json')).out) as {
    items: { seq: number }[];
  };
  expect(items.map(({ seq }) => seq)).toEqual([35, 36, 37]);
  expect((await api.skein('events', '--after', '36')).out).not.toContain('more');
  expect(await api.skein('events', '--after', '1', '--last', '1')).toMatchObject({ code: 2 });
});

test('an item of a step that has no items is refused with what to name instead, and an impossible run id is not asked for', async () => {
  const api = await serve({ [`GET /api/runs/${id}`]: run(step('write'), step('fan', { items: { count: 2 } })) });
  expect((await api.skein('send', id, 'write[0]', 'hurry')).err).toContain(
    'step write has no items: write is no fan-out, or has not begun; name it without [0] if it is none (not_found)',
  );
  expect((await api.skein('send', id, 'fan[7]', 'hurry')).err).toBe('error there is nothing here (not_found)\n');
  const { length } = api.asked;
  expect(await api.skein('runs', 'show', 'run_%00..')).toMatchObject({
    code: 2,
    err: 'error there is no run run_%00.. (not_found)\n',
  });
  expect(api.asked).toHaveLength(length);
});
