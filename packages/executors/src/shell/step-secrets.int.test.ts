import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError, type ErrorData, type JsonValue, type TaskOffer } from '@skein/domain';
import type { ExecutionResult } from '@skein/ports';
import { expect, onTestFinished, test } from 'vitest';
import { createShellExecutor } from './shell-executor.ts';

const secret = 'hunter2-and-more';

/** Runs a command that has the secret in `$DB`. */
const run = async (command: string, readSecret = () => Promise.resolve(secret)): Promise<ExecutionResult> => {
  const workDir = await mkdtemp(join(tmpdir(), 'skein-cut-'));
  onTestFinished(() => rm(workDir, { recursive: true, force: true }));
  const offer: TaskOffer = {
    tenant: 'default',
    runId: 'run_1',
    step: 'work',
    stepId: 'work',
    attempt: 1,
    token: 1,
    dagName: 'test',
    definition: {
      id: 'work',
      depends: [],
      action: { kind: 'shell', commands: [command] },
      env: [],
      outputs: [],
      secrets: [{ env: 'DB', secret: 'DB' }],
      preconditions: [],
      continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
      workerSelector: {},
      onWorkerLoss: 'retry',
      repeatSafe: false,
    },
    refs: {},
    upstreamEnv: {},
    agents: {},
    leaseMs: 6_000,
    run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  };
  const executor = createShellExecutor({ baseEnv: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' } });
  return executor.execute(
    {
      offer,
      inputs: { refs: {}, upstreamEnv: {} },
      workDir,
      readSecret,
      redact: (value) => JSON.parse(JSON.stringify(value).replaceAll(secret, '[redacted]')) as JsonValue,
      sink: { started: () => undefined, log: () => undefined },
    },
    new AbortController().signal,
  );
};

test('of a secret that stands where standard output is cut, not even half is left', async () => {
  const limit = 4 * 1024 * 1024;
  const { stdout } = await run(`head -c ${limit - 7} /dev/zero | tr '\\0' x; echo "$DB and more"`);
  expect(stdout).toHaveLength(limit);
  expect(stdout?.slice(-10)).toBe('xxx[redact');
});

test('of a secret that stands where the end of standard error begins, not even half is left', async () => {
  const { outcome } = await run(`echo "$DB"${'y'.repeat(1_015)} >&2; exit 1`);
  const { details } = (outcome as { readonly error: ErrorData }).error;
  expect(details?.['stderr']).toBe(`edacted]${'y'.repeat(1_015)}\n`);
});

test('a secret that cannot be had now is no failure of the step, whose code did not begin', async () => {
  const away = () => Promise.reject(new DomainError('unavailable', 'the coordinator is away'));
  await expect(run('true', away)).rejects.toMatchObject({ code: 'unavailable' });
  const refused = () => Promise.reject(new DomainError('permission_denied', 'not declared', {}));
  expect((await run('true', refused)).outcome).toMatchObject({
    status: 'failed',
    error: { code: 'permission_denied' },
  });
});

test.each([`${secret}\0`, secret.repeat(5_000)])(
  'a secret that no variable can hold is refused without its value',
  async (value) => {
    const { outcome } = await run('true', () => Promise.resolve(value));
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'invalid_argument' } });
    expect(JSON.stringify(outcome)).not.toContain(secret);
  },
);
