import { defaultTenant, type StepPath, shardOf } from '@skein/domain';
import { dagOf, type FleetScene, stepOf } from '@skein/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { openPeers } from '../../test/peer-scene.ts';

const review = dagOf(
  [
    stepOf('first', { action: { kind: 'wait', durationMs: 10 } }),
    stepOf('ask', { depends: ['first'], action: { kind: 'approval', prompt: 'Go on?', input: [], rewind: 'first' } }),
    stepOf('after', { depends: ['ask'] }),
  ],
  { name: 'review' },
);
const mail = dagOf([stepOf('wait', { action: { kind: 'wait', message: true } })], { name: 'mail' });

let scene: FleetScene;
afterEach(() => scene.close());

const open = async (...ids: readonly string[]): Promise<void> => {
  scene = await openPeers(ids, { dags: [review, mail] });
  await scene.settledAt(ids);
};
const at = (coordinatorId: string) => scene.of(coordinatorId).api;
/** A run that is at home at this coordinator, and waits for a person. */
const waiting = async (coordinatorId: string, dag = 'review'): Promise<string> => {
  const runId = await scene.submit(coordinatorId, dag);
  expect((await scene.homes()).get(shardOf(runId))).toBe(coordinatorId);
  const isAsked = async () =>
    (await scene.facts(runId)).some((fact) => fact.type === 'step_waiting' && fact.step !== 'first');
  await scene.until(isAsked);
  return runId;
};
const step = 'ask' as StepPath;

describe('at any coordinator', () => {
  test('a run is cancelled, an approval answered, a step pushed back, a message sent, by its home', async () => {
    await open('a', 'b');
    const cancelled = await waiting('a');
    expect((await scene.finish(at('b').cancelRun(defaultTenant, cancelled, 'ada', 'enough'))).status).toBe('cancelled');

    const answered = await waiting('a');
    const answer = { decision: 'approve', by: 'ada' } as const;
    await scene.finish(at('b').answerApproval(defaultTenant, answered, step, answer));
    expect((await scene.facts(answered)).map(({ type }) => type)).toContain('step_answered');

    const pushed = await waiting('a');
    await scene.finish(at('b').pushBack(defaultTenant, pushed, step, { feedback: 'again', by: 'ada' }));
    expect((await scene.facts(pushed)).map(({ type }) => type)).toContain('step_pushed_back');

    const mailed = await waiting('a', 'mail');
    const sent = await scene.finish(
      at('b').sendMessage(defaultTenant, mailed, 'wait' as StepPath, { text: 'hello' }, 'ada'),
    );
    expect(sent).toMatchObject({ created: true, message: { sender: 'ada' } });
    const appends = scene.appends.filter(({ request }) =>
      [cancelled, answered, pushed, mailed].includes(request.runId),
    );
    expect(new Set(appends.map(({ by }) => by))).toEqual(new Set(['a']));
  });

  test('errors keep their codes and details', async () => {
    await open('a', 'b');
    const runId = await waiting('a');
    await scene.finish(at('a').cancelRun(defaultTenant, runId, 'ada'));
    const here = await scene.finish(
      at('a')
        .cancelRun(defaultTenant, runId, 'ada')
        .catch((error: unknown) => error),
    );
    const there = await scene.finish(
      at('b')
        .cancelRun(defaultTenant, runId, 'ada')
        .catch((error: unknown) => error),
    );
    expect(there).toMatchObject({ code: 'illegal_transition' });
    expect({ ...(there as object) }).toEqual({ ...(here as object) });
    const nobody = await scene.finish(
      at('b')
        .sendMessage('nobody', runId, step, { text: 'x' }, 'eve')
        .catch((error: unknown) => error),
    );
    expect(nobody).toMatchObject({ code: 'not_found', details: { runId } });
  });

  test('approvals of all homes are listed, or none: a list never leaves out what waits', async () => {
    await open('a', 'b');
    const runs = [await waiting('a'), await waiting('b')];
    for (const id of ['a', 'b']) {
      const listed = await scene.finish(at(id).listApprovals(defaultTenant));
      expect(listed.map(({ runId }) => runId).toSorted()).toEqual(runs.toSorted());
    }
    scene.network.partition('a', 'b');
    const cut = await scene.finish(
      at('b')
        .listApprovals(defaultTenant)
        .catch((error: unknown) => error),
    );
    expect(cut).toMatchObject({ code: 'unavailable' });
  });
});

describe('while homes move', () => {
  test('a command waits for the new home when the old one dies', async () => {
    await open('a', 'b');
    const runId = await waiting('a');
    scene.kill('a');
    const { status } = await scene.finish(at('b').cancelRun(defaultTenant, runId, 'ada'));
    expect(status).toBe('cancelled');
    expect((await scene.facts(runId)).filter(({ type }) => type === 'cancel_requested').length).toBe(1);
  });

  test('a command for a home that cannot be reached is refused after two seconds, and nothing is done', async () => {
    await open('a', 'b');
    const runId = await waiting('a');
    scene.network.partition('a', 'b');
    const beganAt = scene.clock.monotonicMs();
    const refused = await scene.finish(
      at('b')
        .cancelRun(defaultTenant, runId, 'ada')
        .catch((error: unknown) => error),
    );
    expect(refused).toMatchObject({ code: 'unavailable', details: { runId } });
    expect(scene.clock.monotonicMs() - beganAt).toBeLessThan(3_000);
    expect(await scene.status(runId)).not.toBe('cancelled');
    // What is read is still read.
    expect((await scene.finish(at('b').getRun(defaultTenant, runId))).runId).toBe(runId);
  });

  test('a coordinator without shards passes runs on', async () => {
    await open('a');
    await scene.start('b', {});
    const run = await scene.finish(
      at('b')
        .submitRun(defaultTenant, { dag: 'review', idempotencyKey: 'k' })
        .catch((error: unknown) => error),
    );
    expect(run).toMatchObject({ created: true });
    const again = await scene.finish(at('a').submitRun(defaultTenant, { dag: 'review', idempotencyKey: 'k' }));
    expect([again.created, again.run.runId]).toEqual([false, (run as typeof again).run.runId]);
  });
});
