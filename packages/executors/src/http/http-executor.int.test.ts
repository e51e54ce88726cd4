import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError, type JsonValue, type Step, type StepAction, type TaskOffer } from '@skein/domain';
import type { ExecutionResult } from '@skein/ports';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { parseAllowedTargets, publicOnly } from './allowed-targets.ts';
import { fetchPage } from './fetch-page.ts';
import { createHttpExecutor } from './http-executor.ts';

type HttpAction = Extract<StepAction, { readonly kind: 'http' }>;

const seen: { method: string | undefined; path: string | undefined; headers: IncomingHttpHeaders; body: string }[] = [];
let answer: (response: ServerResponse) => void = (response) => void response.end();
let url = '';
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    seen.push({ method: request.method, path: request.url, headers: request.headers, body });
    answer(response);
  });
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen.length = 0;
  answer = (response) => void response.end();
});

interface Options {
  readonly refs?: { readonly [expression: string]: JsonValue };
  readonly readSecret?: (name: string) => Promise<string>;
  readonly step?: Partial<Step>;
  readonly allow?: string;
  readonly signal?: AbortSignal;
}

const run = async (
  action: Partial<HttpAction>,
  options: Options = {},
): Promise<ExecutionResult & { logged: string; began: boolean }> => {
  const workDir = await mkdtemp(join(tmpdir(), 'skein-http-'));
  onTestFinished(() => rm(workDir, { recursive: true, force: true }));
  const {
    refs = {},
    readSecret = () => Promise.reject(new Error('no secret was declared')),
    allow = '127.0.0.1',
  } = options;
  const definition: Step = {
    id: 'tell',
    depends: [],
    action: { kind: 'http', method: 'GET', url, headers: {}, ...action },
    env: [],
    outputs: [],
    preconditions: [],
    continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
    workerSelector: {},
    onWorkerLoss: 'retry',
    repeatSafe: false,
    ...options.step,
  };
  const offer: TaskOffer = {
    tenant: 'default',
    runId: 'run_1',
    step: 'tell',
    stepId: 'tell',
    attempt: 2,
    token: 1,
    dagName: 'test',
    definition,
    refs: {},
    upstreamEnv: {},
    agents: {},
    leaseMs: 6_000,
    run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  };
  const allowed = parseAllowedTargets(allow);
  let logged = '';
  let began = false;
  const result = await createHttpExecutor({ allowed: allowed.ok ? allowed.value : publicOnly }).execute(
    {
      offer,
      inputs: { refs, upstreamEnv: {} },
      workDir,
      readSecret,
      redact: (value) => value,
      sink: { started: () => (began = true), log: (bytes) => (logged += Buffer.from(bytes).toString()) },
    },
    options.signal ?? new AbortController().signal,
  );
  return { ...result, logged, began };
};

test('a request goes out with its references, its secret and a key that is the same in every attempt', async () => {
  answer = (response) => void response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":7}');
  const got = await run(
    {
      method: 'POST',
      url: `${url}/items/\${params.name}`,
      headers: { authorization: 'Bearer $TOKEN', 'x-who': '${params.who}' },
      body: { name: '${params.name}', count: '${params.count}', literal: '$TOKEN' },
    },
    {
      refs: { 'params.name': 'a b', 'params.who': '$TOKEN', 'params.count': 3 },
      readSecret: async (name) => `value-of-${name}`,
      step: { secrets: [{ env: 'TOKEN', secret: 'API' }] },
    },
  );
  expect(got).toMatchObject({
    outcome: { status: 'succeeded' },
    outputs: { status: 201, body: { id: 7 } },
    stdout: '{"id":7}',
  });
  expect(seen).toMatchObject([
    {
      method: 'POST',
      path: '/items/a%20b',
      // A value that looks like a variable stays what it is.
      headers: {
        authorization: 'Bearer value-of-API',
        'x-who': '$TOKEN',
        'content-type': 'application/json',
        'idempotency-key': 'run_1/tell/0',
      },
      body: '{"count":3,"literal":"$TOKEN","name":"a b"}',
    },
  ]);
  expect(got.logged).toBe(`POST ${url} 201, 8 bytes\n`);
});

test('a status that is not expected fails the step with its outputs there to be read', async () => {
  answer = (response) => void response.writeHead(503).end('later');
  expect(await run({})).toMatchObject({
    outcome: { status: 'failed', error: { code: 'unprocessable', details: { reason: 'http_status', status: 503 } } },
    outputs: { status: 503, body: 'later' },
  });
  expect((await run({ expect: [503, 404] })).outcome).toEqual({ status: 'succeeded' });
  answer = (response) => void response.writeHead(200).end();
  expect((await run({ expect: [503] })).outcome.status).toBe('failed');
});

test('what says that it is JSON and is not is text', async () => {
  answer = (response) => void response.writeHead(200, { 'content-type': 'application/problem+json' }).end('{');
  expect((await run({})).outputs).toMatchObject({ body: '{' });
});

test('a private address, also one that a parameter gave, fails the step and is not called', async () => {
  for (const target of [
    'http://169.254.169.254/latest/meta-data',
    url,
    'http://[::ffff:7f00:1]/',
    'http://localhost/',
  ]) {
    const got = await run({ url: '${params.url}' }, { refs: { 'params.url': target }, allow: '' });
    expect(got.outcome, target).toMatchObject({ status: 'failed', error: { code: 'permission_denied' } });
  }
  expect(seen).toEqual([]);
});

test('a header cannot be split by a value', async () => {
  const got = await run({ headers: { 'x-a': '${params.a}' } }, { refs: { 'params.a': 'b\r\nx-evil: 1' } });
  expect(got.outcome).toMatchObject({ status: 'failed', error: { code: 'invalid_argument' } });
  expect(seen).toEqual([]);
});

test('a server that does not answer in time fails the step; a cancel ends it', async () => {
  answer = () => undefined;
  expect((await run({ timeoutMs: 50 })).outcome).toMatchObject({
    status: 'failed',
    error: { code: 'deadline_exceeded' },
  });
  const abort = new AbortController();
  answer = () => abort.abort(new DomainError('cancelled', 'the run was cancelled', {}));
  expect((await run({}, { signal: abort.signal })).outcome).toEqual({ status: 'cancelled' });
});

test('a secret that cannot be had now charges no attempt', async () => {
  const away = () => Promise.reject(new DomainError('unavailable', 'the coordinator is away'));
  const step = { secrets: [{ env: 'TOKEN', secret: 'API' }] };
  await expect(run({}, { readSecret: away, step })).rejects.toMatchObject({ code: 'unavailable' });
  expect(seen).toEqual([]);
});

test('an answer of more than 2 MiB is refused', async () => {
  answer = (response) => void response.end(Buffer.alloc(2 * 1024 * 1024 + 1));
  expect((await run({})).outcome).toMatchObject({ status: 'failed', error: { code: 'too_large' } });
});

test('a tool gets the beginning of a large page, and nothing of an address that is not public', async () => {
  const parsed = parseAllowedTargets('127.0.0.1');
  const gate = { allowed: parsed.ok ? parsed.value : publicOnly };
  answer = (response) => void response.writeHead(404, { 'content-type': 'text/plain' }).end('é'.repeat(100));
  const page = await fetchPage(gate, url, 5, AbortSignal.timeout(5_000));
  expect(page).toEqual({ status: 404, contentType: 'text/plain', text: 'éé', truncated: true });
  expect(seen[0]?.headers).not.toHaveProperty('authorization');
  const whole = await fetchPage(gate, url, 1_000, AbortSignal.timeout(5_000));
  expect(whole).toMatchObject({ text: 'é'.repeat(100), truncated: false });
  seen.length = 0;
  await expect(fetchPage({ allowed: publicOnly }, url, 5, AbortSignal.timeout(5_000))).rejects.toMatchObject({
    code: 'permission_denied',
  });
  expect(seen).toEqual([]);
});
