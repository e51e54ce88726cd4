import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createSeededRandom } from '@skein/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Link, openLink } from './link.ts';
import { eventually, folderWith, type RunJson, Stack, signal } from './stack.ts';

const project = { 'dags/quick.yaml': 'name: quick\nsteps:\n  - { id: one, command: "true" }\n' };

let folder: string;
let stack: Stack;

beforeAll(async () => {
  folder = folderWith(project);
  stack = await Stack.start(folder, { workers: 1, env: { SKEIN_LEASE_MS: '120000' } });
});

afterAll(async () => {
  await stack.stop();
  stack.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A program of its own that submits and waits for an answer; what it prints is the answer's first bytes. */
const client = (url: string, key: string): { readonly child: ChildProcess; readonly said: () => string } => {
  const program = `
    const [url, token, key] = process.argv.slice(1);
    const { hostname, port } = new URL(url);
    const body = JSON.stringify({ dag: 'quick', params: {} });
    const socket = require('node:net').connect(Number(port), hostname);
    const head = ['POST /api/runs HTTP/1.1', 'host: x', 'authorization: Bearer ' + token, 'content-type: application/json',
      'idempotency-key: ' + key, 'content-length: ' + body.length, '', body].join('\\r\\n');
    socket.on('data', (bytes) => process.stdout.write(bytes));
    socket.on('error', () => process.exit(1));
    socket.write(head, () => process.stdout.write('sent\\n'));`;
  const child = spawn(process.execPath, ['-e', program, url, stack.token, key], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, said: () => text };
};

const runIds = async (): Promise<readonly string[]> => {
  const answer = await stack.call<{ items: readonly RunJson[] }>('GET', '/api/runs?limit=500');
  return answer.body.items.map((run) => run.runId);
};

const submit = (key: string) =>
  stack.call<RunJson>('POST', '/api/runs', { dag: 'quick', params: {} }, { 'idempotency-key': key });

/** Submits with the key, as often as it takes. */
const insist = (key: string) =>
  eventually('an answer', async () => {
    const answer = await submit(key).catch(() => undefined);
    return answer !== undefined && answer.status < 500 ? answer : undefined;
  });

const coordinatorPid = (): number => stack.processOf('coordinator')?.pid ?? -1;

/** Waits until a coordinator that is not this one answers. */
const another = (before: number) =>
  eventually('another coordinator', async () => {
    const now = coordinatorPid();
    return now !== -1 && now !== before && (await runIds().catch(() => undefined)) !== undefined;
  });

it('a client that is killed after it sent a submit finds its run by its key, and no second one [crash 1]', async () => {
  const before = (await runIds()).length;
  const keys = Array.from({ length: 3 }, () => randomUUID());
  for (const key of keys) {
    const { child, said } = client(stack.http, key);
    await eventually('it has sent', () => said().includes('sent'));
    child.kill('SIGKILL');
  }
  const first = await Promise.all(keys.map(submit));
  const second = await Promise.all(keys.map(submit));
  expect(second.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(second.map(({ body }) => body.runId)).toEqual(first.map(({ body }) => body.runId));
  expect((await runIds()).length - before).toBe(3);
  for (const { body } of first) expect((await stack.finished(body.runId)).status).toBe('succeeded');
});

it('of a submit that the coordinator died on before its commit nothing is there, and its client sees an error [crash 2]', async () => {
  const before = await runIds();
  const pid = coordinatorPid();
  const key = randomUUID();
  // It lies in the socket of a process that will not read it any more.
  signal(pid, 'SIGSTOP');
  const { child, said } = client(stack.http, key);
  const exit = new Promise((resolve) => child.once('exit', resolve));
  await eventually('it has sent', () => said().includes('sent'));
  signal(pid, 'SIGKILL');
  expect(await exit).toBe(1);
  expect(said()).toBe('sent\n');
  await another(pid);
  expect(await runIds()).toEqual(before);
  const again = await insist(key);
  expect(again.status).toBe(201);
  expect((await stack.finished(again.body.runId)).status).toBe('succeeded');
});

it('a submit whose answer was lost with the coordinator is there once, and a repetition finds it [crash 3]', async () => {
  const link: Link = await openLink(stack.http);
  try {
    const before = await runIds();
    const key = randomUUID();
    link.hold('down');
    const { child, said } = client(`http://${link.address}`, key);
    const made = await eventually('it is committed', async () => {
      const now = await runIds();
      return now.length > before.length ? now.find((id) => !before.includes(id)) : undefined;
    });
    const pid = coordinatorPid();
    signal(pid, 'SIGKILL');
    link.cut();
    await another(pid);
    child.kill('SIGKILL');
    expect(said()).toBe('sent\n');
    const again = await insist(key);
    expect([again.status, again.body.runId]).toEqual([200, made]);
    expect((await runIds()).length).toBe(before.length + 1);
    expect((await stack.finished(made)).status).toBe('succeeded');
  } finally {
    await link.close();
  }
});

it('submits under random kills of the coordinator become one run each, whichever side of the commit the kill was on [crash 2, 3]', async () => {
  const random = createSeededRandom(7);
  const before = (await runIds()).length;
  const sent: { readonly key: string; readonly answer: Promise<RunJson | undefined> }[] = [];
  for (let round = 0; round < 2; round += 1) {
    const pid = coordinatorPid();
    for (let count = 0; count < 8; count += 1) {
      const key = randomUUID();
      const answer = submit(key).then(
        ({ status, body }) => (status < 300 ? body : undefined),
        () => undefined,
      );
      sent.push({ key, answer });
    }
    // So many answers come first; the others are somewhere on their way.
    const answered = sent.slice(-8).map(({ answer }) => answer);
    await Promise.race(answered.slice(Math.floor(random.next() * 8)));
    signal(pid, 'SIGKILL');
    await Promise.all(answered);
    await another(pid);
  }
  const ids = new Set<string>();
  for (const { key, answer } of sent) {
    const again = await insist(key);
    const first = await answer;
    // What was acknowledged is what is there now.
    if (first !== undefined) expect([again.status, again.body.runId]).toEqual([200, first.runId]);
    ids.add(again.body.runId);
  }
  expect(ids.size).toBe(sent.length);
  expect((await runIds()).length - before).toBe(sent.length);
  for (const runId of ids) expect((await stack.finished(runId)).status).toBe('succeeded');
});
