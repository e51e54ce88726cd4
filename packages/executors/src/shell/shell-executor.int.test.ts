import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError, type JsonValue, type Step, type StepAction, type TaskOffer } from '@skein/domain';
import type { ExecutionResult } from '@skein/ports';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createShellExecutor, type ShellExecutorConfig } from './shell-executor.ts';

const marker = `tests-${process.pid}-${Date.now()}`;
let workDir: string;
let tokens = 0;

beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'skein-shell-'));
});

afterEach(async () => {
  await expect.poll(leftBehind).toEqual([]); // what is killed is gone once it gets its turn
  await rm(workDir, { recursive: true, force: true });
});

/** Command lines of live processes that carry this file's launch marker. */
const leftBehind = (): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readText(`/proc/${pid}/environ`).includes(`SKEIN_LAUNCH=${marker}`))
    .map((pid) => readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};

interface Given {
  readonly step?: Partial<Step>;
  readonly refs?: { readonly [expression: string]: JsonValue };
  readonly upstreamEnv?: { readonly [name: string]: JsonValue };
  readonly config?: Partial<ShellExecutorConfig>;
  readonly signal?: AbortSignal;
  readonly onLog?: (text: string) => void;
  readonly secrets?: { readonly [name: string]: string };
}

interface Ran extends ExecutionResult {
  readonly log: string;
  readonly started: number;
}

const run = async (action: StepAction | string, given: Given = {}): Promise<Ran> => {
  const definition: Step = {
    id: 'work',
    depends: [],
    action: typeof action === 'string' ? { kind: 'shell', commands: [action] } : action,
    env: [],
    outputs: [],
    preconditions: [],
    continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
    workerSelector: {},
    onWorkerLoss: 'retry',
    repeatSafe: false,
    ...given.step,
  };
  tokens += 1;
  const offer: TaskOffer = {
    tenant: 'default',
    runId: `run_${marker}`,
    step: 'work',
    stepId: 'work',
    attempt: 1,
    token: tokens,
    dagName: 'test',
    definition,
    refs: {},
    upstreamEnv: {},
    agents: {},
    leaseMs: 6_000,
    run: { id: `run_${marker}`, createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  };
  const executor = createShellExecutor({
    baseEnv: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' },
    launchMarker: marker,
    killGraceMs: 300,
    ...given.config,
  });
  const chunks: Uint8Array[] = [];
  let started = 0;
  const result = await executor.execute(
    {
      offer,
      inputs: { refs: given.refs ?? {}, upstreamEnv: given.upstreamEnv ?? {} },
      workDir,
      readSecret: (name) => {
        const value = given.secrets?.[name];
        return value === undefined
          ? Promise.reject(new DomainError('not_found', `no secret ${name}`))
          : Promise.resolve(value);
      },
      redact: (value) => value,
      sink: {
        started: () => {
          started += 1;
        },
        log: (bytes) => {
          chunks.push(bytes);
          given.onLog?.(Buffer.from(bytes).toString());
        },
      },
    },
    given.signal ?? new AbortController().signal,
  );
  return { ...result, log: Buffer.concat(chunks).toString(), started };
};

test('captures stdout without its last line break, and logs both streams', async () => {
  const ran = await run('echo hello; echo; echo oops >&2');
  expect(ran).toMatchObject({ outcome: { status: 'succeeded' }, exitCode: 0, stdout: 'hello\n' });
  expect(ran.log).toContain('oops');
});

test('runs commands in order and stops at the first that fails', async () => {
  const ran = await run({ kind: 'shell', commands: ['echo one', 'echo two; exit 3', 'echo three'] });
  expect(ran).toMatchObject({ exitCode: 3, stdout: 'one\ntwo', started: 3 - 1 });
  expect(ran.outcome).toMatchObject({ status: 'failed', error: { message: 'command 2 of 3 exited with code 3' } });
});

const hostile = `"; touch pwned; echo '$(touch pwned)\` touch pwned \`\\\n* ~ $HOME \${PATH} && touch pwned`;

test.each([
  ['bare', 'printf %s ${params.x}'],
  ['in double quotes', 'printf %s "${params.x}"'],
  ['in single quotes', "printf %s '${params.x}'"],
  ['in a command substitution', 'printf %s "$(printf %s ${params.x})"'],
])('a reference %s is only data', async (_place, command) => {
  const ran = await run(command, { refs: { 'params.x': hostile } });
  expect(ran.stdout).toBe(hostile);
  expect(readdirSync(join(workDir, 'work'))).toEqual([]);
});

test('a reference in exec argv is one argument', async () => {
  const ran = await run(
    { kind: 'exec', argv: ['printf', '[%s]', '${params.x}', 'b'] },
    { refs: { 'params.x': '; rm -rf / #' } },
  );
  expect(ran.stdout).toBe('[; rm -rf / #][b]');
});

test('refuses a value in arithmetic that is no integer', async () => {
  const ran = await run('echo $(( ${params.n} + 1 ))', { refs: { 'params.n': 'a[$(touch pwned)]' } });
  expect(ran.outcome).toMatchObject({ status: 'failed', error: { code: 'invalid_argument' } });
  expect(ran.started).toBe(0);
  expect((await run('echo $(( ${params.n} + 1 ))', { refs: { 'params.n': 41 } })).stdout).toBe('42');
});

test('passes on nothing of the own environment but what it was given', async () => {
  process.env['OPENAI_API_KEY'] = 'secret';
  process.env['SKEIN_TOKEN'] = 'secret';
  const ran = await run('env');
  delete process.env['OPENAI_API_KEY'];
  delete process.env['SKEIN_TOKEN'];
  const names = (ran.stdout ?? '').split('\n').map((line) => line.split('=')[0]);
  const shellsOwn = ['PWD', 'OLDPWD', 'SHLVL', '_'];
  expect(names.filter((name) => !shellsOwn.includes(name ?? '')).sort()).toEqual(
    [
      'HOME',
      'LANG',
      'PATH',
      'SKEIN_ATTEMPT',
      'SKEIN_LAUNCH',
      'SKEIN_OUTPUT',
      'SKEIN_RUN_ID',
      'SKEIN_STEP',
      'SKEIN_TASK',
      'TMPDIR',
    ].sort(),
  );
});

test('declared variables see upstream values and one another, and may use references', async () => {
  const ran = await run('echo "$GREETING/$DIR"', {
    upstreamEnv: { NAME: 'ada' },
    refs: { 'params.p': 'x $NAME' },
    step: {
      env: [
        { name: 'GREETING', value: 'hi ${NAME} ${params.p}' },
        { name: 'DIR', value: '$GREETING!${env.NAME}' },
      ],
    },
  });
  expect(ran.stdout).toBe('hi ada x $NAME/hi ada x $NAME!ada');
});

test('a step cannot change the names by which its processes are found', async () => {
  const ran = await run('echo $SKEIN_LAUNCH', { step: { env: [{ name: 'SKEIN_LAUNCH', value: 'other' }] } });
  expect(ran.stdout).toBe(marker);
});

test('a value over 64 KiB comes as a file', async () => {
  const large = 'x'.repeat(70_000);
  const ran = await run('wc -c < "$BIG_FILE"; echo "[$BIG]"; wc -c < ${steps.a.stdout@file}', {
    upstreamEnv: { BIG: large },
    refs: { 'steps.a.stdout': large },
  });
  expect(ran.stdout).toBe('70000\n[]\n70000');
});

test('a reference to a value over 64 KiB says to use @file, and nothing runs', async () => {
  const ran = await run('echo ${steps.a.stdout}', { refs: { 'steps.a.stdout': 'x'.repeat(70_000) } });
  expect(ran.outcome).toMatchObject({ status: 'failed', error: { code: 'too_large' } });
  expect(ran.started).toBe(0);
});

test('reads outputs as lines or as JSON and gives them their declared types', async () => {
  const outputs = [
    { name: 'count', type: 'integer' },
    { name: 'tags', type: 'array' },
  ] as const;
  const lines = await run(
    'echo count=3 >> $SKEIN_OUTPUT; echo \'tags=["a"]\' >> $SKEIN_OUTPUT; echo more=1=2 >> $SKEIN_OUTPUT',
    { step: { outputs } },
  );
  expect(lines.outputs).toEqual({ count: 3, tags: ['a'], more: '1=2' });
  await rm(join(workDir, 'outputs'));
  const json = await run(`echo '{"count": 4, "tags": []}' > $SKEIN_OUTPUT`, { step: { outputs } });
  expect(json.outputs).toEqual({ count: 4, tags: [] });
});

test('a declared output that is missing or of another type fails the step', async () => {
  const outputs = [{ name: 'count', type: 'integer' }] as const;
  const missing = await run('true', { step: { outputs } });
  expect(missing.outcome).toMatchObject({
    status: 'failed',
    error: { code: 'invalid_argument', message: expect.stringContaining('missing') },
  });
  const wrong = await run('echo count=three >> $SKEIN_OUTPUT', { step: { outputs } });
  expect(wrong.outcome).toMatchObject({
    status: 'failed',
    error: { code: 'invalid_argument', message: expect.stringContaining('an integer') },
  });
});

test.each(['no equals sign', '{"a": 1', '{"__proto__": {"x": 1}}', '[1]'])('refuses the outputs %s', async (text) => {
  const ran = await run('printf %s "$TEXT" > $SKEIN_OUTPUT', { step: { env: [{ name: 'TEXT', value: text }] } });
  expect(ran.outcome).toMatchObject({ status: 'failed', error: { code: 'invalid_argument' } });
});

test('a time limit ends the whole group, grandchildren too', async () => {
  const controller = new AbortController();
  const ran = await run('trap "" TERM; (sleep 300 & sleep 300) & echo up; sleep 300', {
    signal: controller.signal,
    onLog: () => controller.abort(new DomainError('deadline_exceeded', 'too slow')),
  });
  expect(ran.outcome).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
  expect(ran.stdout).toBe('up');
});

test('a cancelled step gets SIGTERM first and may tidy up', async () => {
  const controller = new AbortController();
  const ran = await run('trap "echo tidy; exit 0" TERM; echo up; sleep 300 & wait', {
    config: { killGraceMs: 10_000 },
    signal: controller.signal,
    onLog: () => controller.abort(new DomainError('cancelled', 'asked for')),
  });
  expect(ran).toMatchObject({ outcome: { status: 'cancelled' }, stdout: 'up\ntidy' });
});

test('an aborted signal starts nothing', async () => {
  const ran = await run('touch started', { signal: AbortSignal.abort(new DomainError('cancelled', 'early')) });
  expect(ran).toMatchObject({ outcome: { status: 'cancelled' }, started: 0 });
  expect(existsSync(join(workDir, 'work', 'started'))).toBe(false);
});

test('what stays in the background ends with the step', async () => {
  const ran = await run('sleep 300 & sleep 300 >/dev/null 2>&1 & echo done');
  expect(ran).toMatchObject({ outcome: { status: 'succeeded' }, stdout: 'done' });
});

test.each(['true', 'trap "" TERM; echo up; sleep 300'])(
  'what cleared its environment ends with the step: %s',
  async (last) => {
    const controller = new AbortController();
    const begin = `env -i sh -c 'echo $$; : > begun; exec sleep 300' & until [ -e begun ]; do sleep 0.01; done`;
    const ran = await run(`${begin}; ${last}`, {
      signal: controller.signal,
      onLog: (text) => {
        if (text.includes('up')) controller.abort(new DomainError('cancelled', 'asked for'));
      },
    });
    const pid = Number.parseInt(ran.stdout ?? '', 10);
    expect(pid).toBeGreaterThan(1);
    await expect.poll(() => readText(`/proc/${pid}/cmdline`)).toBe(''); // gone, or a zombie that nobody has reaped yet
  },
);

test('a process that leaves the group ends with the step', async () => {
  const ran = await run('setsid sleep 300 & sleep 0.2; setsid -f sleep 300; echo done');
  expect(ran).toMatchObject({ outcome: { status: 'succeeded' }, stdout: 'done' });
});

test('keeps the first 4 MiB of a huge output and says so', async () => {
  const ran = await run('head -c 6000000 /dev/zero | tr "\\0" "x"');
  expect(ran.stdout).toHaveLength(4 * 1024 * 1024);
  expect(ran.log.slice(-200)).toContain('only the first 4194304 bytes');
});

test('stops passing the log on a little over its limit', async () => {
  const ran = await run('head -c 3000000 /dev/zero | tr "\\0" "x"', { config: { maxLogBytes: 100_000 } });
  expect(ran.log.length).toBeGreaterThan(100_000);
  expect(ran.log.length).toBeLessThan(200_000);
});

test('binary output becomes text without NUL trouble', async () => {
  const ran = await run("printf 'a\\000b\\377c'");
  expect(ran.stdout).toBe('a\0b\uFFFDc');
});

test('stdin is closed', async () => {
  expect((await run('cat; echo end')).stdout).toBe('end');
});

test('a signal gives 128 plus its number', async () => {
  const ran = await run('kill -9 $$');
  expect(ran).toMatchObject({
    exitCode: 137,
    outcome: { status: 'failed', error: { details: { signal: 'SIGKILL' } } },
  });
});

test('a program that does not exist is code 127 and named', async () => {
  const ran = await run({ kind: 'exec', argv: ['no-such-program-here'] });
  expect(ran).toMatchObject({
    exitCode: 127,
    outcome: {
      status: 'failed',
      error: { code: 'not_found', message: expect.stringContaining('no-such-program-here') },
    },
  });
});

test('a script runs under the interpreter of its first line', async () => {
  const script = '#!/usr/bin/env node\nconsole.log("js " + process.env.WHO);\n';
  const ran = await run(
    { kind: 'script', script },
    { step: { env: [{ name: 'WHO', value: '${params.who}' }] }, refs: { 'params.who': 'me' } },
  );
  expect(ran.stdout).toBe('js me');
});

test('a script for another interpreter may not hold references', async () => {
  const ran = await run(
    { kind: 'script', script: '#!/usr/bin/env node\nconsole.log("${params.x}")' },
    { refs: { 'params.x': 1 } },
  );
  expect(ran.outcome).toMatchObject({ status: 'failed', error: { code: 'invalid_argument' } });
});

test('a script without a first line runs under the shell of the step', async () => {
  const script = 'set -e\nfor i in 1 2; do echo "$i ${params.x}"; done\nfalse\necho never';
  const ran = await run({ kind: 'script', script }, { refs: { 'params.x': 'a b' }, step: { shell: ['/bin/bash'] } });
  expect(ran).toMatchObject({ exitCode: 1, stdout: '1 a b\n2 a b' });
});

test('a program longer than an argument may be goes by file', async () => {
  const ran = await run(`echo start\n${'# padding\n'.repeat(20_000)}echo end`);
  expect(ran.stdout).toBe('start\nend');
});

test('a relative working directory is made inside the private one, an absolute one must exist', async () => {
  expect((await run('pwd', { step: { workingDir: 'a/b' } })).stdout).toBe(join(workDir, 'work', 'a', 'b'));
  expect((await run('pwd', { step: { workingDir: '/' } })).stdout).toBe('/');
  const missing = await run('pwd', { step: { workingDir: '/no/such/place' } });
  expect(missing.outcome).toMatchObject({ status: 'failed', error: { code: 'not_found' } });
});

test('a step gets its secrets as variables that no entry of its own can replace, and none that it does not declare', async () => {
  const secrets = { db: 'it\'s $HOME "quoted"', other: 'not asked for' };
  const { stdout } = await run('printf %s "$PASSWORD"; env | grep -c "not asked for" || true', {
    secrets,
    step: { secrets: [{ env: 'PASSWORD', secret: 'db' }], env: [{ name: 'PASSWORD', value: 'fake' }] },
  });
  expect(stdout).toBe(`${secrets.db}0`);
});

test('a secret that cannot be had fails the step before its code begins', async () => {
  const ran = await run('echo never', { step: { secrets: [{ env: 'PASSWORD', secret: 'nobodys' }] } });
  expect(ran).toMatchObject({ outcome: { status: 'failed', error: { code: 'not_found' } }, started: 0, log: '' });
});
