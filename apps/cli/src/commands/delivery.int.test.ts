import { afterEach, expect, test } from 'vitest';
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
const message = (more: object = {}) => ({
  messageId: 'msg_1',
  runId: id,
  step: 'write',
  number: 1,
  round: 0,
  sender: 'admin',
  mode: 'next_turn',
  text: 'hurry',
  state: 'accepted',
  sentAt: '2026-11-02T03:04:05.678Z',
  ...more,
});
const messages = `/api/runs/${id}/steps/write/messages`;

test('sends a message as it was asked to', async () => {
  const api = await serve({ [`POST ${messages}`]: message() });
  const args = ['--mode', 'interrupt', '--ttl', '10m', '--require-ack', '--id', 'note:7'];
  expect(await api.skein('send', id, 'write', 'hurry', ...args)).toEqual({ code: 0, out: 'msg_1 accepted\n', err: '' });
  expect(api.asked[0]?.body).toEqual({
    text: 'hurry',
    mode: 'interrupt',
    ttlMs: 600_000,
    requireAck: true,
    messageId: 'note:7',
  });
});

test('waits until the message was read, or replied to, and says in which turn', async () => {
  const one = `GET ${messages}/msg_1`;
  const api = await serve({
    [`POST ${messages}`]: message(),
    [one]: [message({ state: 'presented' }), message({ state: 'consumed', turn: 3 })],
  });
  expect(await api.skein('send', id, 'write', 'hurry', '--wait')).toMatchObject({
    code: 0,
    out: 'msg_1 consumed in turn 3\n',
  });
  const asking = await serve({
    [`POST ${messages}`]: message(),
    [`GET /api/runs/${id}/steps/write`]: { step: step('write'), detail: {} },
    [one]: [
      message({ state: 'consumed', turn: 3 }),
      message({ state: 'replied', turn: 3, reply: { text: 'two left', at: '' } }),
    ],
  });
  expect(await asking.skein('send', id, 'write', 'how many?', '--reply')).toMatchObject({
    code: 0,
    out: 'msg_1 replied in turn 3\ntwo left\n',
  });
  expect(asking.asked[0]?.body).toMatchObject({ wantsReply: true });
});

test('a message that ends unread fails and says why; so does a reply that cannot come any more', async () => {
  const unread = await serve({
    [`POST ${messages}`]: message(),
    [`GET ${messages}/msg_1`]: message({ state: 'rejected', reason: 'step_finished' }),
  });
  expect(await unread.skein('send', id, 'write', 'hurry', '--wait')).toMatchObject({
    code: 1,
    out: 'msg_1 rejected (step_finished)\n',
  });
  const silent = await serve({
    [`POST ${messages}`]: message(),
    [`GET /api/runs/${id}/steps/write`]: { step: step('write', { status: 'succeeded' }), detail: {} },
    [`GET ${messages}/msg_1`]: message({ state: 'consumed', turn: 3 }),
  });
  expect(await silent.skein('send', id, 'write', 'hurry', '--reply')).toMatchObject({
    code: 1,
    out: 'msg_1 consumed in turn 3\n',
    err: 'no reply: step write ended without one\n',
  });
});

test('Ctrl-C while it waits says how the message stands, and that is no success', async () => {
  for (const option of ['--wait', '--reply']) {
    const interrupt = new AbortController();
    const api = await serve({
      [`POST ${messages}`]: message(),
      [`GET ${messages}/msg_1`]: () => {
        interrupt.abort();
        return message({ state: 'presented' });
      },
    });
    expect(await api.interruptedSkein(interrupt.signal, 'send', id, 'write', 'hurry', option)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^msg_1 (?:accepted|presented)\n$/),
      err: '',
    });
  }
  const interrupt = new AbortController();
  const api = await serve({
    [`POST /api/runs/${id}/cancel`]: () => {
      interrupt.abort();
      return run(step('write'));
    },
    [`GET /api/runs/${id}`]: run(step('write')),
  });
  expect(await api.interruptedSkein(interrupt.signal, 'cancel', id, '--wait')).toMatchObject({
    code: 1,
    out: expect.stringContaining('1 step is still running'),
  });
});

test('an error of a send prints its code, and names the step that was probably meant', async () => {
  const full = await serve({ [`POST ${messages}`]: problem(429, 'mailbox_full', 'the mailbox is full') });
  expect(await full.skein('send', id, 'write', 'x')).toEqual({
    code: 1,
    out: '',
    err: 'error the mailbox is full (mailbox_full)\n',
  });
  const api = await serve({ [`GET /api/runs/${id}`]: run(step('write'), step('verify')) });
  expect((await api.skein('send', id, 'wirte', 'x')).err).toBe(
    'error the run has no step wirte; did you mean write? (not_found)\n',
  );
  expect((await api.skein('messages', id, 'nothing-like-it')).err).toContain('its steps are write, verify');
  expect((await api.skein('logs', id, 'verifi')).err).toContain('did you mean verify?');
  expect((await api.skein('runs', 'show', id, '--step', 'writ')).err).toContain('did you mean write?');
});

test('lists messages with what became of them', async () => {
  const api = await serve({
    [`GET ${messages}`]: {
      items: [message(), message({ number: 2, messageId: 'msg_2', state: 'expired', reason: 'ttl_expired' })],
      nextCursor: null,
    },
  });
  const { out } = await api.skein('messages', id, 'write');
  expect(out).toMatch(/^1\s+msg_1\s+accepted\s+next_turn\s+admin/m);
  expect(out).toMatch(/^2\s+msg_2\s+expired \(ttl_expired\)/m);
});

test('a run may be named by a beginning that no other run has', async () => {
  const items = [{ runId: other }, { runId: id }];
  const api = await serve({ 'GET /api/runs': { items, nextCursor: null }, [`GET /api/runs/${id}`]: run() });
  expect(await api.skein('runs', 'show', 'run_01a1fbca-4')).toMatchObject({ code: 0 });
  expect(api.asked[0]?.call).toBe('GET /api/runs?cursor=run_01a1fbca-4fff-ffff-ffff-ffffffffffff&limit=6');
  const { code, err } = await api.skein('runs', 'show', 'run_01a1fbca');
  expect(code).toBe(2);
  expect(err).toContain(`more than one run begins with run_01a1fbca: ${other}, ${id} (invalid_argument)`);
  expect((await api.skein('runs', 'show', 'run_01a1fbcb')).err).toContain('no run begins with run_01a1fbcb');
});

test('a shown run has its params and outputs', async () => {
  const api = await serve({
    [`GET /api/runs/${id}`]: run(step('greet', { outputs: { GREETING: 'Hello', list: [1] } })),
  });
  const { out } = await api.skein('runs', 'show', id);
  expect(out).toMatch(/^params\s+who=geese n=3$/m);
  expect(out).toMatch(/^greet\.GREETING\s+Hello$/m);
  expect(out).toMatch(/^greet\.list\s+\[1\]$/m);
});

test('a step is shown with attempts, turns and calls; the transcript with its texts', async () => {
  const turn = {
    thread: '',
    turn: 2,
    attempt: 2,
    round: 0,
    at: '2026-11-02T03:04:05.678Z',
    model: 'offline/rules-1',
    inputTokens: 10,
    outputTokens: 5,
    finishReason: 'tool_calls',
    calls: [{ index: 0, callId: 'c', tool: 'bash', class: 'effect', status: 'unknown' }],
    messages: ['msg_1'],
  };
  const attempt = { attempt: 2, round: 0, token: 9, workerId: 'wrk_1', leasedAt: '', outcome: 'running' };
  const detail = (...turns: object[]) => ({
    runId: id,
    step: 'write',
    status: 'running',
    attempts: [{ ...attempt, resumedAtTurn: 1 }],
    turns,
    totals: { turns: 2, toolCalls: 1, inputTokens: 20, outputTokens: 9, costUsd: 0.0123 },
  });
  const spoken = { ...turn, said: [{ role: 'user', text: 'go on' }], text: 'I will' };
  const path = `GET /api/runs/${id}/steps/write`;
  const api = await serve({
    [path]: { step: step('write'), detail: detail(turn) },
    [`${path}?transcript=true`]: { step: step('write'), detail: detail(spoken) },
  });
  const { out } = await api.skein('runs', 'show', id, '--step', 'write');
  expect(out).toContain('2 turns, 1 tool call, 20 + 9 tokens, $0.0123');
  expect(out).toMatch(/^2\s+0\s+running\s+1\s+wrk_1/m);
  expect(out).toMatch(/^2\s+2\s.*offline\/rules-1\s+10 \+ 5\s+bash \(unknown\)\s+read msg_1$/m);
  const full = await api.skein('runs', 'show', id, '--step', 'write', '--transcript');
  expect(full.out).toContain('said go on\nanswer I will\ncall bash (unknown)');
  expect(await api.skein('runs', 'show', id, '--transcript')).toMatchObject({ code: 2 });
});

test('lists what waits for a person, and answers it', async () => {
  const approval = `POST /api/runs/${id}/steps/review/approval`;
  const waiting = {
    runId: id,
    dag: 'hello',
    step: 'review',
    prompt: 'Publish?',
    input: [
      { name: 'title', type: 'string', required: true },
      { name: 'copies', type: 'integer', required: false },
    ],
    since: '2026-11-02T03:04:05.678Z',
    rewind: ['write'],
    round: 0,
  };
  const api = await serve({
    'GET /api/approvals': { items: [waiting], nextCursor: null },
    [approval]: run(step('review', { round: 1 })),
  });
  expect((await api.skein('approvals', id)).out).toMatch(/review\s+0\s.*title:string, copies:integer\?\s+Publish\?$/m);
  const input = ['--input', 'title=a=b', '-i', 'copies=2', '--reason', 'fine'];
  expect(await api.skein('approve', id, 'review', ...input)).toMatchObject({
    code: 0,
    out: `review of ${id} approved; the run is running\n`,
  });
  await api.skein('approve', id, 'review', '--inputs', '{"copies":2}');
  await api.skein('reject', id, 'review', '--reason', 'no');
  expect((await api.skein('push-back', id, 'review', 'shorter', '--to', 'write', '--round', '0')).out).toContain(
    'now in round 1',
  );
  expect(api.asked.filter(({ call }) => call === approval).map(({ body }) => body)).toEqual([
    { decision: 'approve', inputs: { title: 'a=b', copies: '2' }, reason: 'fine' },
    { decision: 'approve', inputs: { copies: 2 } },
    { decision: 'reject', reason: 'no' },
    { decision: 'push_back', feedback: 'shorter', to: 'write', round: 0 },
  ]);
  expect(await api.skein('reject', id, 'review')).toMatchObject({ code: 2 });
});

const letter = {
  id: `dl:${id}:triage[3]:17`,
  kind: 'task',
  runId: id,
  step: 'triage[3]',
  dag: 'hello',
  reason: 'poison',
  transportAttempts: 0,
  executionAttempts: 3,
  applicationFailures: 0,
  at: '2026-11-02T03:04:05.678Z',
  history: [{ at: '2026-11-02T03:04:05.678Z', what: 'worker_exited', workerId: 'wrk_1' }],
  status: 'open',
};

test('lists and shows dead letters; a purge needs a yes', async () => {
  const one = `/api/dead-letters/${encodeURIComponent(letter.id)}`;
  const api = await serve({
    'GET /api/dead-letters': { items: [letter], nextCursor: null },
    [`GET ${one}`]: letter,
    [`POST ${one}/redrive`]: { deadLetter: letter, runId: other, dryRun: false },
    [`POST ${one}/purge`]: { ...letter, status: 'purged' },
  });
  expect((await api.skein('dead-letters', '--reason', 'poison')).out).toContain(letter.id);
  expect(api.asked[0]?.call).toBe('GET /api/dead-letters?limit=50&status=open&reason=poison');
  expect((await api.skein('dead-letters', 'show', letter.id)).out).toMatch(/worker_exited\s+wrk_1$/m);
  const words = (await api.skein('dead-letters', 'show', letter.id)).out.match(/^\w+(?= {2})/gm) ?? [];
  expect(words.filter((word) => !(word in letter))).toEqual([]);
  expect((await api.skein('dead-letters', 'redrive', letter.id)).out).toBe(`redriven by ${other}\n`);
  const before = api.asked.length;
  expect(await api.skein('dead-letters', 'purge', letter.id)).toMatchObject({ code: 2 });
  expect(api.asked).toHaveLength(before);
  expect((await api.skein('dead-letters', 'purge', letter.id, '--yes')).out).toBe(`${letter.id} purged\n`);
});

test('lists delivery events, and says what retention removed', async () => {
  const event = {
    seq: 8,
    kind: 'expired',
    at: '2026-11-02T03:04:05.678Z',
    itemId: 'msg_1',
    runId: id,
    step: 'write',
    reason: 'ttl_expired',
    ageMs: 600_000,
  };
  const api = await serve({ 'GET /api/delivery-events': { items: [event], next: 8, gap: { from: 3, to: 7 } } });
  expect((await api.skein('events', '--after', '2')).out.split('\n')).toEqual([
    'gap: events 3 to 7 were removed by retention',
    expect.stringMatching(/^#\s+AT \(UTC\)\s+EVENT\s+ITEM\s+STEP\s+REASON$/),
    `8  2026-11-02 03:04:05  expired  msg_1  ${id}/write  ttl_expired  after 10 m 00 s`,
    '',
  ]);
  expect(JSON.parse((await api.skein('events', '--json')).out)).toMatchObject({ next: 8, gap: { from: 3 } });
});

test('lists the effect ledger', async () => {
  const effect = {
    key: `${id}:write:0:2:0`,
    step: 'write',
    round: 0,
    attempt: 1,
    thread: '',
    turn: 2,
    index: 0,
    tool: 'bash',
    class: 'effect',
    plannedAt: '2026-11-02T03:04:05.678Z',
  };
  const items = [
    { ...effect, status: 'unknown' },
    { ...effect, status: 'done', isError: true, settled: 'reconciled' },
  ];
  const api = await serve({ [`GET /api/runs/${id}/effects`]: { items, nextCursor: null } });
  const { out } = await api.skein('effects', id);
  expect(out).toMatch(/^write\s+0\s+2\s+bash\s+effect\s+unknown\s+1\s/m);
  expect(out).toMatch(/\sdone \(error, reconciled\)\s/);
});

test('a cancel says what it asked for, and with --wait what came of it', async () => {
  const api = await serve({
    [`POST /api/runs/${id}/cancel`]: run(step('a')),
    [`GET /api/runs/${id}`]: { ...run(), status: 'cancelled' },
  });
  expect((await api.skein('cancel', id)).out).toBe(
    `cancel of ${id} asked for; it is running, 1 step is still running\n`,
  );
  expect((await api.skein('cancel', id, '--wait')).out).toBe(`cancel of ${id} asked for; it is cancelled\n`);
});

test('a retry can be waited for, and fails like the run', async () => {
  const api = await serve({
    [`POST /api/runs/${id}/retry`]: { ...run(), runId: other },
    [`GET /api/runs/${other}`]: { ...run(), runId: other, status: 'failed' },
  });
  expect((await api.skein('retry', id)).out).toBe(`${other}\n`);
  const { code, out } = await api.skein('retry', id, '--wait');
  expect([code, out.includes(other), out.includes('failed')]).toEqual([1, true, true]);
});

test('an unknown DAG or agent is answered with the name that was probably meant', async () => {
  const missing = problem(404, 'not_found', 'it is not there');
  const api = await serve({
    'POST /api/runs': missing,
    'GET /api/dags': { items: [{ name: 'hello' }], nextCursor: null },
    'GET /api/agents': { items: [{ agentId: 'triager' }], nextCursor: null },
  });
  expect((await api.skein('run', 'helo')).err).toContain('did you mean hello? (not_found)');
  expect((await api.skein('dags', 'show', 'helo')).err).toContain('did you mean hello?');
  expect((await api.skein('versions', 'triagr')).err).toContain('did you mean triager?');
  expect((await api.skein('versions', 'activate', 'triagr', 'v1')).err).toContain('did you mean triager?');
  expect((await api.skein('diff', 'triagr@v1', 'v2')).err).toContain('did you mean triager?');
});
