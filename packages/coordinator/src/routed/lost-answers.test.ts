import { DomainError, shardOf } from '@skein/domain';
import { FakeClock } from '@skein/testkit';
import { expect, test } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { routeCall } from './route-call.ts';

const runId = 'run_0190a5dc-ac96-774b-bcce-000000000001';

/** A coordinator whose only peer is home to every run, and answers as it is told. */
const engineWith = (answers: readonly (() => unknown)[], letter: object = { kind: 'message', runId }) => {
  const clock = new FakeClock();
  const asked: unknown[] = [];
  const engine = {
    deps: { clock, delivery: { readDeadLetter: async () => letter } },
    phase: 'running',
    runs: { shards: new Set<number>() },
    members: {
      isLeaving: false,
      live: [{ coordinatorId: 'peer', leaving: false }],
      homeOf: (shard: number) => (shard === shardOf(runId) ? { coordinatorId: 'peer' } : undefined),
      lookNow: () => undefined,
      onChange: () => () => undefined,
    },
    peers: {
      connected: ['peer'],
      call: async (_id: string, call: unknown) => {
        asked.push(call);
        return (answers[Math.min(asked.length, answers.length) - 1] as () => unknown)();
      },
    },
  } as unknown as Engine;
  const route = async (method: Parameters<typeof routeCall>[1], ...args: readonly unknown[]): Promise<unknown> => {
    let over = false;
    const routed = routeCall(engine, method, async () => undefined, args)
      .catch((error: unknown) => error)
      .finally(() => {
        over = true;
      });
    while (!over) await clock.advance(25);
    return routed;
  };
  return { asked, route };
};

const lost = (): never => {
  throw new DomainError('unavailable', 'the stream broke');
};
const done = () => ({ value: { runId } });
const moved = () => ({ error: { code: 'unavailable', message: 'elsewhere', details: { reason: 'moved' } } });

test('what may be repeated is asked again when its answer is lost', async () => {
  for (const [method, ...args] of [
    ['cancelRun', 't', runId, 'ada'],
    ['answerApproval', 't', runId, 'ask', { decision: 'approve', by: 'ada' }],
    ['submitRun', 't', { dag: 'd', idempotencyKey: 'k' }],
    ['retryRun', 't', runId, { by: 'ada', idempotencyKey: 'k' }],
    ['pushBack', 't', runId, 'ask', { feedback: 'f', by: 'ada', round: 1 }],
  ] as const) {
    const { asked, route } = engineWith([lost, lost, done]);
    expect([method, await route(method, ...args), asked.length]).toEqual([method, { runId }, 3]);
  }
});

test('what may not be repeated is asked once, and its caller is told to look', async () => {
  for (const [method, ...args] of [
    ['submitRun', 't', { dag: 'd' }],
    ['retryRun', 't', runId, { by: 'ada' }],
    ['pushBack', 't', runId, 'ask', { feedback: 'f', by: 'ada' }],
  ] as const) {
    const { asked, route } = engineWith([lost, done]);
    expect(await route(method, ...args)).toMatchObject({ code: 'unavailable', details: { reason: 'unclear' } });
    expect(asked.length).toBe(1);
  }
});

test('a peer that is not the home has done nothing: everything is asked again', async () => {
  const { asked, route } = engineWith([moved, moved, done]);
  expect(await route('pushBack', 't', runId, 'ask', { feedback: 'f', by: 'ada' })).toEqual({ runId });
  expect(asked.length).toBe(3);
});

test('a refusal is an answer', async () => {
  const { asked, route } = engineWith([
    () => ({ error: { code: 'mailbox_full', message: 'full', details: { depth: 9 } } }),
  ]);
  expect(await route('sendMessage', 't', runId, 'a', { text: 'x', messageId: 'm' }, 'ada')).toMatchObject({
    code: 'mailbox_full',
    details: { depth: 9 },
  });
  expect(asked.length).toBe(1);
});

test('a dead letter whose redrive turns out to be done is redriven; one that somebody else settled is not', async () => {
  const refused = () => ({ error: { code: 'illegal_transition', message: 'the dead letter is redriven already' } });
  const letter = { kind: 'message', runId, status: 'redriven', redrivenRunId: runId };
  const ask = (settledBy: string, ...answers: readonly (() => unknown)[]): Promise<unknown> =>
    engineWith(answers, { ...letter, settledBy }).route('redriveDeadLetter', 't', 'dl_1', { by: 'ada', dryRun: false });
  expect(await ask('ada', lost, refused)).toMatchObject({ runId, deadLetter: { settledBy: 'ada' }, dryRun: false });
  expect(await ask('eve', lost, refused)).toMatchObject({ code: 'illegal_transition' });
  expect(await ask('ada', refused)).toMatchObject({ code: 'illegal_transition' });
});
