import type { Step } from '@skein/domain';
import type { ExecutionContext } from '@skein/ports';
import { describe, expect, test } from 'vitest';
import { agentStep, createWorld, offerOf, succeeded, untilAborted } from '../../test/task-world.ts';

const bytes = new TextEncoder().encode('still here\n');
const entry = { type: 'reply', number: 1, text: 'yes' } as const;

/** An attempt that says nothing by itself; the test makes it show progress. */
const silent = async (step: Partial<Step>, starts = true) => {
  let context: ExecutionContext | undefined;
  const world = createWorld(async (own, signal) => {
    context = own;
    if (starts) own.sink.started();
    await untilAborted(signal);
    return { outcome: { status: 'cancelled' }, outputs: {} };
  });
  const abort = new AbortController();
  const snapshot = step.action?.kind === 'agent' ? { snapshot: { digest: 'sha256:s' } } : {};
  const result = world.run(offerOf(step, snapshot), abort.signal);
  let ended = false;
  void result.then(() => {
    ended = true;
  });
  await world.clock.settle();
  return {
    ...world,
    result,
    abort,
    context: context as ExecutionContext,
    after: async (ms: number) => {
      await world.clock.advance(ms);
      await world.clock.settle();
      return ended;
    },
  };
};

const stalled = {
  status: 'failed',
  error: { code: 'deadline_exceeded', details: { reason: 'no_progress' } },
};

describe('an attempt that shows no progress', () => {
  test('fails after 15 minutes when it is an agent', async () => {
    const { after, result, clock } = await silent(agentStep);
    expect(await after(15 * 60_000 - 1)).toBe(false);
    expect(await after(1)).toBe(true);
    expect((await result).outcome).toMatchObject(stalled);
    expect(clock.pending).toBe(0);
  });

  test('fails after the time that its step says, and says so', async () => {
    const { after, result } = await silent({ noProgressTimeoutMs: 3_000 });
    expect(await after(2_999)).toBe(false);
    expect(await after(1)).toBe(true);
    expect((await result).outcome).toMatchObject({
      error: { message: 'the step showed no progress for 3 s', details: { limitMs: 3_000 } },
    });
  });

  test.each<readonly [string, Partial<Step>]>([
    ['a command that does not say otherwise', {}],
    ['an agent that says 0', { ...agentStep, noProgressTimeoutMs: 0 }],
  ])('goes on for ever when it is %s', async (_name, step) => {
    const { after, abort, result } = await silent(step);
    expect(await after(30 * 24 * 3_600_000)).toBe(false);
    abort.abort(new Error('enough'));
    expect((await result).outcome).toEqual({ status: 'cancelled' });
  });

  test('is measured from its beginning, its last log line and its last durable point', async () => {
    const { after, context, result } = await silent({ ...agentStep, noProgressTimeoutMs: 1_000 }, false);
    expect(await after(5_000)).toBe(false);
    context.sink.started();
    expect(await after(900)).toBe(false);
    context.sink.log(bytes);
    expect(await after(900)).toBe(false);
    await context.checkpoints?.record([entry]);
    expect(await after(999)).toBe(false);
    expect(await after(1)).toBe(true);
    expect((await result).outcome).toMatchObject(stalled);
  });

  test.each<readonly [string, (context: ExecutionContext) => Promise<unknown> | undefined]>([
    ['a durable point', ({ checkpoints }) => checkpoints?.record([entry])],
    ['a value that is stored', ({ checkpoints }) => checkpoints?.keep('x'.repeat(100_000))],
  ])('is not one whose coordinator has not answered for %s, and is measured from the answer', async (_name, ask) => {
    const { after, context, result, faults } = await silent({ ...agentStep, noProgressTimeoutMs: 1_000 });
    let come = (): void => undefined;
    faults.away = new Promise((resolve) => {
      come = resolve;
    });
    const asked = ask(context);
    expect(await after(60_500)).toBe(false);
    come();
    await asked;
    expect(await after(999)).toBe(false);
    expect(await after(1)).toBe(true);
    expect((await result).outcome).toMatchObject(stalled);
  });

  test('keeps no timer after an attempt that ended in time', async () => {
    const { run, clock } = createWorld((context) => {
      context.sink.started();
      return succeeded;
    });
    expect((await run(offerOf({ noProgressTimeoutMs: 1_000 }))).outcome).toEqual({ status: 'succeeded' });
    expect(clock.pending).toBe(0);
  });
});
