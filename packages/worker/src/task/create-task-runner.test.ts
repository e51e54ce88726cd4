import { type Digest, DomainError, type JsonValue, type Step, type TaskOffer, type ValueRef } from '@skein/domain';
import type {
  AgentStores,
  ExecutionContext,
  ExecutionResult,
  StepExecutor,
  TaskTransfers,
  TextPatterns,
} from '@skein/ports';
import { createMemoryLog, createNodeHasher, FakeClock } from '@skein/testkit';
import { expect, test } from 'vitest';
import { createTaskRunner } from './create-task-runner.ts';

const hasher = createNodeHasher();
const patterns: TextPatterns = {
  compile: (source) => {
    try {
      return new RegExp(source, 'u');
    } catch (cause) {
      throw new DomainError('invalid_argument', 'no regular expression', {}, cause);
    }
  },
};
const stores = { digest: 'sha256:s' } as AgentStores;

type Behaviour = (context: ExecutionContext, signal: AbortSignal) => Promise<ExecutionResult> | ExecutionResult;

const succeeded: ExecutionResult = { outcome: { status: 'succeeded' }, outputs: {} };

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

const createWorld = (behaviour: Behaviour = () => succeeded) => {
  const clock = new FakeClock();
  const log = createMemoryLog();
  const blobs = new Map<Digest, Uint8Array>();
  const seen = {
    contexts: [] as ExecutionContext[],
    started: 0,
    created: [] as string[],
    removed: [] as string[],
    opened: [] as Digest[],
    asked: [] as string[],
    logged: '',
  };
  const executor = (kinds: StepExecutor['kinds']): StepExecutor => ({
    kinds,
    execute: async (context, signal) => {
      seen.contexts.push(context);
      return behaviour(context, signal);
    },
  });
  const transfers: TaskTransfers = {
    fetchSnapshot: () => Promise.reject(new DomainError('not_found', 'none')),
    fetchPart: () => Promise.reject(new DomainError('not_found', 'none')),
    readSecret: (name) => {
      seen.asked.push(name);
      return name === 'theirs'
        ? Promise.resolve('coordinator-value')
        : Promise.reject(new DomainError('not_found', 'none'));
    },
    fetchBlob: (digest) => {
      const bytes = blobs.get(digest);
      return bytes === undefined ? Promise.reject(new DomainError('not_found', 'none')) : Promise.resolve(bytes);
    },
    storeBlob: (bytes) => {
      const digest = hasher.digest(bytes);
      blobs.set(digest, bytes);
      return Promise.resolve(digest);
    },
  };
  const runner = createTaskRunner({
    executors: [executor(['shell', 'script', 'exec']), executor(['agent']), executor(['noop'])],
    snapshots: {
      open: ({ digest }) => {
        seen.opened.push(digest);
        return digest === 'sha256:bad'
          ? Promise.reject(new DomainError('digest_mismatch', 'damaged'))
          : Promise.resolve(stores);
      },
      held: () => ['sha256:s'],
      onEvicted: () => undefined,
    },
    workDirs: {
      create: () => {
        seen.created.push(`/folder/${seen.created.length}`);
        return Promise.resolve(seen.created.at(-1) as string);
      },
      remove: (path) => {
        seen.removed.push(path);
        return Promise.resolve();
      },
    },
    hasher,
    patterns,
    secretValues: { read: (name) => Promise.resolve(name === 'own' ? 'worker-value' : undefined) },
    clock,
    log,
  });
  const sink = {
    started: () => void (seen.started += 1),
    log: (bytes: Uint8Array) => void (seen.logged += new TextDecoder().decode(bytes)),
  };
  const run = (task: TaskOffer, signal: AbortSignal = new AbortController().signal) =>
    runner.run(task, sink, transfers, signal);
  return { clock, log, blobs, seen, runner, run, store: (value: JsonValue) => refOf(blobs, value) };
};

const refOf = (blobs: Map<Digest, Uint8Array>, value: JsonValue): ValueRef & { digest: Digest } => {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const digest = hasher.digest(bytes);
  blobs.set(digest, bytes);
  return { digest, bytes: bytes.length };
};

const offerOf = (step: Partial<Step> = {}, rest: Partial<TaskOffer> = {}): TaskOffer => ({
  tenant: 'default',
  runId: 'run_1',
  step: 'work',
  stepId: 'work',
  attempt: 2,
  token: 7,
  dagName: 'test',
  definition: {
    id: 'work',
    depends: [],
    action: { kind: 'shell', commands: ['true'] },
    env: [],
    outputs: [],
    preconditions: [],
    continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
    workerSelector: {},
    onWorkerLoss: 'retry',
    repeatSafe: false,
    ...step,
  },
  refs: {},
  upstreamEnv: {},
  agents: {},
  leaseMs: 6_000,
  run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  ...rest,
});

const agentStep: Partial<Step> = {
  action: { kind: 'agent', agent: 'a', prompt: 'p', limits: {}, memory: { read: false, propose: false } },
};
const failedWith = (code: string) => ({ status: 'failed', error: expect.objectContaining({ code }) });

test('answers with the lease that it was given, and removes the private directory', async () => {
  const { run, seen } = createWorld();
  expect(await run(offerOf())).toEqual({
    runId: 'run_1',
    step: 'work',
    attempt: 2,
    token: 7,
    outcome: { status: 'succeeded' },
    outputs: {},
    durationMs: 0,
  });
  expect(seen.removed).toEqual(seen.created);
});

test('fetches each large value once and gives the executor plain values', async () => {
  const { run, seen, store } = createWorld();
  const large = store({ big: true });
  await run(
    offerOf(
      {},
      {
        refs: { 'params.a': large, 'params.b': { inline: 1 } },
        upstreamEnv: { A: large },
        item: { index: 3, value: large },
      },
    ),
  );
  expect(seen.contexts[0]?.inputs).toEqual({
    refs: { 'params.a': { big: true }, 'params.b': 1 },
    upstreamEnv: { A: { big: true } },
    item: { index: 3, value: { big: true } },
  });
});

test('refuses a value whose bytes are not those of its digest', async () => {
  const { run, blobs, seen } = createWorld();
  blobs.set('sha256:x', new TextEncoder().encode('1'));
  const result = await run(offerOf({}, { refs: { a: { digest: 'sha256:x', bytes: 1 } } }));
  expect(result.outcome).toEqual(failedWith('digest_mismatch'));
  expect(seen.contexts).toEqual([]);
});

test('an agent step without a snapshot fails with missing_snapshot, and nothing runs', async () => {
  const { run, seen } = createWorld();
  const result = await run(offerOf(agentStep));
  expect(result.outcome).toMatchObject({
    status: 'failed',
    error: { code: 'snapshot_invalid', details: { reason: 'missing_snapshot' } },
  });
  expect(seen.contexts).toEqual([]);
});

test('an agent step runs on the stores of its verified snapshot, another step gets none', async () => {
  const { run, seen } = createWorld();
  await run(offerOf(agentStep, { snapshot: { digest: 'sha256:s' } }));
  await run(offerOf({}, { snapshot: { digest: 'sha256:s' } }));
  expect(seen.contexts.map((context) => context.stores)).toEqual([stores, undefined]);
  expect(seen.opened).toEqual(['sha256:s']);
});

test('an agent step whose snapshot does not verify fails with that error', async () => {
  const { run, seen } = createWorld();
  const result = await run(offerOf(agentStep, { snapshot: { digest: 'sha256:bad' } }));
  expect(result.outcome).toEqual(failedWith('digest_mismatch'));
  expect(seen.contexts).toEqual([]);
});

test('a kind of step that nobody runs is unimplemented', async () => {
  const { run } = createWorld();
  expect((await run(offerOf({ action: { kind: 'call', dag: 'd' } }))).outcome).toEqual(failedWith('unimplemented'));
});

test.each([
  ['equal text', { condition: '${params.a}', expected: 'yes', negate: false }, 'succeeded'],
  ['other text', { condition: '${params.a}', expected: 'no', negate: false }, 'skipped'],
  ['a pattern', { condition: 'is ${params.a}', expected: 're:^is (yes|no)$', negate: false }, 'succeeded'],
  ['a negated match', { condition: '${params.a}', expected: 'yes', negate: true }, 'skipped'],
  ['an expected reference', { condition: 'yes', expected: '${params.a}', negate: false }, 'succeeded'],
] as const)('a precondition with %s', async (_name, precondition, status) => {
  const { run, seen } = createWorld();
  const result = await run(offerOf({ preconditions: [precondition] }, { refs: { 'params.a': { inline: 'yes' } } }));
  expect(result.outcome.status).toBe(status);
  expect(seen.contexts).toHaveLength(status === 'skipped' ? 0 : 1);
});

test.each([
  [0, false, 'succeeded'],
  [1, false, 'skipped'],
  [0, true, 'skipped'],
  [1, true, 'succeeded'],
] as const)('a command precondition that exits with %i (negate %s)', async (exitCode, negate, status) => {
  const { run, seen } = createWorld(({ offer }) => {
    const { action } = offer.definition;
    if (action.kind !== 'shell' || action.commands[0] !== 'check') return succeeded;
    const failed = { status: 'failed', error: { code: 'unprocessable', message: 'no' } } as const;
    return { outcome: exitCode === 0 ? { status: 'succeeded' } : failed, exitCode, outputs: {} };
  });
  const result = await run(
    offerOf({ preconditions: [{ condition: 'check', negate }], outputs: [{ name: 'x', type: 'any' }] }),
  );
  expect(result.outcome.status).toBe(status);
  expect(seen.contexts[0]?.offer.definition).toMatchObject({ action: { commands: ['check'] }, outputs: [] });
});

test('a condition that the shell expands is asked of the shell', async () => {
  const { run, seen } = createWorld(({ offer }) => {
    const { action } = offer.definition;
    const isCondition = action.kind === 'shell' && action.commands[0]?.startsWith('cat <<');
    return isCondition === true ? { ...succeeded, stdout: 'prod' } : succeeded;
  });
  const result = await run(
    offerOf({ preconditions: [{ condition: '${TARGET} SKEIN_END', expected: 'prod', negate: false }] }),
  );
  expect(result.outcome.status).toBe('succeeded');
  expect(seen.contexts[0]?.offer.definition.action).toEqual({
    kind: 'shell',
    commands: ['cat <<SKEIN_END_\n${TARGET} SKEIN_END\nSKEIN_END_'],
  });
});

test('a precondition command that cannot be run fails the step instead of deciding', async () => {
  const { run } = createWorld(() => ({
    outcome: { status: 'failed', error: { code: 'not_found', message: 'no such program' } },
    exitCode: 127,
    outputs: {},
  }));
  const result = await run(offerOf({ preconditions: [{ condition: 'nope', negate: true }] }));
  expect(result.outcome).toEqual(failedWith('not_found'));
});

test('moves values over 32 KiB to blobs, and the largest of many smaller ones', async () => {
  const { run, blobs } = createWorld(() => ({
    ...succeeded,
    stdout: 'o'.repeat(40_000),
    outputs: { a: 'a'.repeat(20_000), b: 'b'.repeat(19_000), c: 'small' },
  }));
  const { outputs, stdout } = await run(offerOf());
  expect(outputs['b']).toEqual({ inline: 'b'.repeat(19_000) });
  expect(outputs['c']).toEqual({ inline: 'small' });
  const moved = outputs['a'] as { digest: Digest; bytes: number };
  expect(moved.bytes).toBe(20_002);
  expect(Buffer.from(blobs.get(moved.digest) ?? []).toString()).toBe(`"${'a'.repeat(20_000)}"`);
  expect(stdout).toMatchObject({ bytes: 40_002 });
});

test('refuses more than 4 MiB of outputs', async () => {
  const { run } = createWorld(() => ({ ...succeeded, outputs: { a: 'a'.repeat(4_200_000) } }));
  expect((await run(offerOf())).outcome).toEqual(failedWith('too_large'));
});

test('refuses more outputs than a fact can name, and stores none of them', async () => {
  const many = (count: number, text: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`output_${index}`, text]));
  const tiny = createWorld(() => ({ ...succeeded, outputs: many(100_000, 'x') }));
  expect((await tiny.run(offerOf())).outcome).toEqual(failedWith('too_large'));
  const large = createWorld(() => ({ ...succeeded, outputs: many(1_000, 'x'.repeat(2_000)) }));
  expect((await large.run(offerOf())).outcome).toEqual(failedWith('too_large'));
  expect([tiny.blobs.size, large.blobs.size]).toEqual([0, 0]);
});

test('a value that is smaller than a reference to it stays inline', async () => {
  const outputs = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`o${index}`, index]));
  const { run, blobs } = createWorld(() => ({ ...succeeded, stdout: 's'.repeat(30_000), outputs }));
  const result = await run(offerOf());
  expect(result.outcome).toEqual({ status: 'succeeded' });
  expect([Object.keys(result.outputs).length, blobs.size]).toEqual([1_000, 1]);
});

test('an error is cut to what a fact can carry', async () => {
  const details = { answer: 'x'.repeat(100_000) };
  const error = { code: 'unprocessable', message: 'm'.repeat(10_000), details } as const;
  const { run } = createWorld(() => ({ outcome: { status: 'failed', error }, outputs: {} }));
  const { outcome } = await run(offerOf());
  expect(outcome).toMatchObject({
    status: 'failed',
    error: { code: 'unprocessable', details: { detailsBytes: 100_013 } },
  });
  expect(JSON.stringify(outcome).length).toBeLessThan(4_096);
});

test('cleans text, and cuts stdout that grows past 4 MiB when it is escaped', async () => {
  const { run } = createWorld(() => ({
    ...succeeded,
    stdout: '\u0001'.repeat(2_000_000),
    outputs: { a: 'x\0\ud800' },
  }));
  const { outputs, stdout } = await run(offerOf());
  expect(outputs['a']).toEqual({ inline: 'x\uFFFD' });
  expect((stdout as { bytes: number }).bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
});

test('says that a failed attempt printed what continue_on looks for', async () => {
  const failed: ExecutionResult = {
    outcome: { status: 'failed', error: { code: 'unprocessable', message: 'exit 1' } },
    exitCode: 1,
    stdout: 'warning: code 42',
    outputs: {},
  };
  const continueOn = {
    failure: false,
    skipped: false,
    exitCodes: [],
    output: ['nothing', 're:code \\d+$'],
    markSuccess: false,
  };
  expect((await createWorld(() => failed).run(offerOf({ continueOn }))).continueOnOutput).toBe(true);
  expect((await createWorld(() => failed).run(offerOf())).continueOnOutput).toBeUndefined();
});

test('a step over its time limit is aborted and fails', async () => {
  const { run, clock, seen } = createWorld(async (context, signal) => {
    context.sink.started();
    await untilAborted(signal);
    return { outcome: { status: 'cancelled' }, stdout: 'so far', outputs: {} };
  });
  const running = run(offerOf({ timeoutMs: 2_000 }));
  await clock.advance(2_000);
  expect(await running).toMatchObject({
    outcome: failedWith('deadline_exceeded'),
    stdout: { inline: 'so far' },
    durationMs: 2_000,
  });
  expect(seen.started).toBe(1);
  expect(clock.pending).toBe(0);
});

test.each([
  ['cancelled', true, 'cancelled'],
  ['cancelled', false, 'cancelled'],
  ['unavailable', false, 'released'],
  ['unavailable', true, 'cancelled'],
  ['stale_fencing_token', false, 'cancelled'],
] as const)('an abort as %s (started: %s) ends as %s', async (code, starts, status) => {
  const { run, clock } = createWorld(async (context, signal) => {
    if (starts) context.sink.started();
    await untilAborted(signal);
    return { outcome: { status: 'cancelled' }, outputs: {} };
  });
  const controller = new AbortController();
  const running = run(offerOf(), controller.signal);
  await clock.settle();
  controller.abort(new DomainError(code, 'why'));
  expect((await running).outcome.status).toBe(status);
});

test('inputs that cannot be had now hand the task back uncharged', async () => {
  const { runner } = createWorld();
  const away = () => Promise.reject(new DomainError('unavailable', 'away'));
  const result = await runner.run(
    offerOf({}, { refs: { a: { digest: 'sha256:x', bytes: 1 } } }),
    { started: () => undefined, log: () => undefined },
    { fetchSnapshot: away, fetchBlob: away, storeBlob: away },
    new AbortController().signal,
  );
  expect(result.outcome.status).toBe('released');
});

test('an executor that throws fails its step without telling its message, and the directory goes', async () => {
  const { run, log, seen } = createWorld(() => {
    throw new Error('secret detail');
  });
  expect((await run(offerOf())).outcome).toEqual({
    status: 'failed',
    error: { code: 'internal', message: 'internal error' },
  });
  expect(log.lines.filter((line) => line.level === 'error')).toHaveLength(1);
  expect(seen.removed).toEqual(seen.created);
});

test('a secret comes from the worker first, is read once, and is in nothing that the task says', async () => {
  const { run, seen } = createWorld(async ({ readSecret, sink, redact }) => {
    const [own, again, theirs] = [await readSecret('own'), await readSecret('own'), await readSecret('theirs')];
    expect([own, again, theirs]).toEqual(['worker-value', 'worker-value', 'coordinator-value']);
    sink.log(new TextEncoder().encode(`key ${own.slice(0, 5)}`), 'stdout');
    sink.log(new TextEncoder().encode('between\n'), 'stderr');
    sink.log(new TextEncoder().encode(`${own.slice(5)} and ${btoa(`x${theirs}`)}\n`), 'stdout');
    expect(redact({ [own]: [theirs] })).toEqual({ '[redacted]': ['[redacted]'] });
    return {
      outcome: {
        status: 'failed',
        error: { code: 'unprocessable', message: `no ${own}`, details: { stderr: theirs } },
      },
      stdout: `${own} ${encodeURIComponent(theirs)}`,
      outputs: { a: own, [theirs]: { deep: [`<${own}>`] } },
      proposals: [{ scope: 'agent/a', op: 'append', text: `the key is ${theirs}` }],
    };
  });
  const result = await run(offerOf());
  expect(JSON.stringify(result) + seen.logged).not.toMatch(/worker-value|coordinator-value/);
  expect(result).toMatchObject({
    outcome: { error: { message: 'no [redacted]', details: { stderr: '[redacted]' } } },
    stdout: { inline: '[redacted] [redacted]' },
    outputs: { a: { inline: '[redacted]' }, '[redacted]': { inline: { deep: ['<[redacted]>'] } } },
    proposals: [{ text: 'the key is [redacted]' }],
  });
  expect(seen.logged).toMatch(/^key between\n\[redacted\] and \S*\[redacted\]\S*\n$/);
  expect(seen.asked).toEqual(['theirs']);
});

test('a secret that nobody has is a typed failure that names it', async () => {
  const { run, seen } = createWorld(async ({ readSecret }) => {
    await readSecret('nobodys');
    return succeeded;
  });
  expect(await run(offerOf())).toMatchObject({
    outcome: { status: 'failed', error: { code: 'not_found', message: expect.stringContaining('nobodys') as string } },
  });
  expect(seen.asked).toEqual(['nobodys']);
});
