import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { DomainError } from '@skein/domain';
import { maxSecretBytes } from '@skein/ports';
import { createMemoryLog, createNodeHasher, ScriptedCoordinator, sampleTask, scriptedToken } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createGrpcGateway } from './create-grpc-gateway.ts';
import type { ServedGateway } from './serve-gateway.ts';
import { serveGateway } from './serve-gateway.ts';

// The value of a secret is in its answer and nowhere else.

const canary = 'canary-c0ffee-2718';
const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

let coordinator: ScriptedCoordinator;
let log: ReturnType<typeof createMemoryLog>;
let served: ServedGateway;
let gateway: ReturnType<typeof createGrpcGateway>;

beforeEach(async () => {
  coordinator = new ScriptedCoordinator(createNodeHasher());
  log = createMemoryLog();
  served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log, meter });
  gateway = createGrpcGateway({ address: served.address, log });
});
afterEach(async () => {
  gateway.close();
  await served.close(0);
});

const read = (): Promise<unknown> =>
  gateway.readSecret({ token: scriptedToken }, 'ses_1', sampleTask(), 'KEY').catch((error: unknown) => error);

test('whatever a source of secrets throws, its text reaches neither the worker nor a log', async () => {
  coordinator.readSecret = () => Promise.reject(new Error(`cannot parse "${canary}"`));
  const error = await read();
  expect(error).toMatchObject({ code: 'internal', message: 'internal error' });
  expect(log.lines.map(({ level, message }) => [level, message])).toEqual([['error', 'a secret could not be read']]);
  expect(inspect([error, log.lines], { depth: null })).not.toContain(canary);
});

test('a value over the limit is refused without a word of it', async () => {
  coordinator.secrets.set('KEY', canary + 'x'.repeat(maxSecretBytes));
  const error = await read();
  expect(error).toMatchObject({ code: 'too_large', details: { limit: maxSecretBytes } });
  expect(inspect([error, log.lines], { depth: null })).not.toContain(canary);
});

test('typed refusals pass on', async () => {
  coordinator.readSecret = () => Promise.reject(new DomainError('not_found', 'there is no such secret here'));
  expect(await read()).toMatchObject({ code: 'not_found' });
});

test("the transport's own debug output does not hold it, at its most talkative", () => {
  const script = fileURLToPath(new URL('../test/read-secret.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions', 'skein-source', script, canary],
    { env: { ...process.env, GRPC_VERBOSITY: 'DEBUG', GRPC_TRACE: 'all', NODE_DEBUG: 'http2' }, encoding: 'utf8' },
  );
  const output = stdout + stderr;
  expect(status).toBe(0);
  expect(output).toContain('ReadSecret');
  expect(stdout.trim().split('\n').at(-1)).toBe(`${canary.length} characters`);
  for (const form of [canary, Buffer.from(canary).toString('base64').slice(0, 16), Buffer.from(canary).toString('hex')])
    expect(output).not.toContain(form);
});
