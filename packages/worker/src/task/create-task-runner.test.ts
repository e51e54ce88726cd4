import { type Digest, DomainError } from '@skein/domain';
import type { ExecutionResult } from '@skein/ports';
import { expect, test } from 'vitest';
import { agentStep, createWorld, failedWith, offerOf, stores, succeeded, untilAborted } from '../../test/task-world.ts';

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

test('a task that waits for its snapshot ends at its own time limit, and at its own cancellation', async () => {
  const { run, clock, seen } = createWorld();
  const late = run(offerOf({ ...agentStep, timeoutMs: 2_000 }, { snapshot: { digest: 'sha256:slow' } }));
  await clock.advance(2_000);
  expect((await late).outcome).toEqual(failedWith('deadline_exceeded'));
  const abort = new AbortController();
  const stopped = run(offerOf(agentStep, { snapshot: { digest: 'sha256:slow' } }), abort.signal);
  abort.abort(new DomainError('cancelled', 'enough'));
  expect((await stopped).outcome).toEqual({ status: 'cancelled' });
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
  const tiny = createWorld(() => ({ ...succeeded, outputs: many(30_000, 'x') }));
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

test('a task that is asked back before its code began is released, and afterwards it goes on to its end', async () => {
  let end = (): void => undefined;
  const { run, clock, seen } = createWorld(async () => {
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    return { outcome: { status: 'succeeded' }, outputs: {} };
  });
  const [early, late] = [new AbortController(), new AbortController()];
  const why = new DomainError('unavailable', 'the worker is draining');
  const waiting = run(offerOf(agentStep, { snapshot: { digest: 'sha256:slow' } }), undefined, early.signal);
  const running = run(offerOf(), undefined, late.signal);
  await clock.settle();
  early.abort(why);
  late.abort(why);
  expect((await waiting).outcome.status).toBe('released');
  end();
  expect((await running).outcome.status).toBe('succeeded');
  expect(seen.removed).toEqual(seen.created);
});

test('a task that is asked back while its precondition runs goes on to its end', async () => {
  let end = (): void => undefined;
  const checked = new Promise<void>((resolve) => {
    end = resolve;
  });
  const { run, clock, seen } = createWorld(async (_context, signal) => {
    await checked;
    return { outcome: { status: signal.aborted ? 'cancelled' : 'succeeded' }, exitCode: 0, outputs: {} };
  });
  const handBack = new AbortController();
  const running = run(offerOf({ preconditions: [{ condition: 'check', negate: false }] }), undefined, handBack.signal);
  await clock.settle();
  expect(seen.contexts).toHaveLength(1);
  handBack.abort(new DomainError('unavailable', 'the worker is draining'));
  end();
  expect((await running).outcome.status).toBe('succeeded');
});

test('inputs that cannot be had now hand the task back uncharged', async () => {
  const { run, faults } = createWorld();
  faults.fetchBlob = new DomainError('unavailable', 'away');
  const result = await run(offerOf({}, { refs: { a: { digest: 'sha256:x', bytes: 1 } } }));
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
