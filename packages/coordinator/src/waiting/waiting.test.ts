import type { ApprovalDecision, Dag, Step } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { createScene, dagOf, type Scene, stepOf } from '@skein/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

const approvalOf = (id: string, fields: Partial<Step> = {}, rewind?: string): Step =>
  stepOf(id, {
    action: {
      kind: 'approval',
      prompt: 'Publish ${params.what}?',
      input: [{ name: 'channel', type: 'string', required: true }],
      ...(rewind === undefined ? {} : { rewind }),
    },
    ...fields,
  });

const waitOf = (
  id: string,
  action: Omit<Extract<Step['action'], { kind: 'wait' }>, 'kind'>,
  fields: Partial<Step> = {},
) => stepOf(id, { action: { kind: 'wait', ...action }, ...fields });

const review = dagOf(
  [
    stepOf('draft', { action: { kind: 'shell', commands: ['echo ${run.round} ${run.feedback}'] } }),
    approvalOf('approve', { depends: ['draft'] }, 'draft'),
    stepOf('publish', {
      depends: ['approve'],
      action: { kind: 'shell', commands: ['echo ${steps.approve.outputs.channel}'] },
    }),
  ],
  { name: 'review', params: [{ name: 'what', type: 'string', required: false, default: 'it' }] },
);

const open = async (...dags: readonly Dag[]) => {
  const scene = await createScene({ dags });
  onTestFinished(() => scene.close());
  return scene;
};

const reviewed = async () => {
  const scene = await open(review);
  const worker = await scene.join();
  const runId = await scene.submit('review', { params: { what: 'the draft' } });
  await scene.answer(worker, 0);
  return { scene, worker, runId };
};

const say = async (
  scene: Scene,
  runId: string,
  decision: ApprovalDecision,
  changes: { channel?: string; by?: string; round?: number } = {},
) => {
  const { channel = 'web', by = 'ada', round } = changes;
  const answered = await scene.coordinator.answerApproval(defaultTenant, runId, 'approve', {
    decision,
    by,
    ...(decision === 'approve' ? { inputs: { channel } } : { reason: 'too long' }),
    ...(round === undefined ? {} : { round }),
  });
  await scene.settle();
  return answered;
};

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'taken',
    (thrown: { readonly code?: string }) => thrown.code,
  );

describe('an approval', () => {
  test('is asked with its prompt rendered, is listed, and its inputs reach the steps that follow', async () => {
    const { scene, worker, runId } = await reviewed();
    expect(await scene.status(runId)).toBe('waiting');
    const listed = await scene.coordinator.listApprovals(defaultTenant);
    expect(listed).toMatchObject([
      { runId, step: 'approve', prompt: 'Publish the draft?', rewind: ['draft'], round: 0 },
    ]);
    expect(await scene.coordinator.listApprovals(defaultTenant, runId)).toEqual(listed);
    expect(await scene.coordinator.listApprovals('other')).toEqual([]);
    await say(scene, runId, 'approve', { channel: 'mail' });
    expect(worker.offers[1]?.refs).toEqual({ 'steps.approve.outputs.channel': { inline: 'mail' } });
    await scene.answer(worker, 1);
    expect(await scene.status(runId)).toBe('succeeded');
    expect(await scene.coordinator.listApprovals(defaultTenant)).toEqual([]);
  });

  test('survives a restart of the coordinator, and is answered after it', async () => {
    const { scene, runId } = await reviewed();
    await scene.restart();
    expect(await scene.coordinator.listApprovals(defaultTenant)).toMatchObject([{ runId, step: 'approve' }]);
    expect((await scene.view(runId)).steps[1]).toMatchObject({
      status: 'waiting',
      waitReason: 'waiting_for_approval',
      wait: { for: 'approval', prompt: 'Publish the draft?' },
    });
    const worker = await scene.join();
    await say(scene, runId, 'approve');
    expect(worker.offers.map(({ step }) => step)).toEqual(['publish']);
    expect((await scene.types(runId)).filter((type) => type === 'step_waiting')).toHaveLength(1);
  });

  test('takes a repeated answer as nothing, also after a restart, and refuses the contrary', async () => {
    const { scene, runId } = await reviewed();
    await say(scene, runId, 'approve');
    const before = await scene.types(runId);
    await say(scene, runId, 'approve', { by: 'bob' });
    await scene.restart();
    await say(scene, runId, 'approve');
    expect(await scene.types(runId)).toEqual(before);
    expect(await codeOf(say(scene, runId, 'reject'))).toBe('illegal_transition');
    expect(await codeOf(say(scene, runId, 'approve', { channel: 'other' }))).toBe('illegal_transition');
  });

  test('that is rejected fails its step and says by whom', async () => {
    const { scene, runId } = await reviewed();
    await say(scene, runId, 'reject');
    expect(await scene.status(runId)).toBe('failed');
    expect((await scene.view(runId)).steps[1]?.error).toMatchObject({
      code: 'permission_denied',
      message: 'rejected by ada: too long',
    });
  });

  test('says what is wrong with an answer, and goes on waiting', async () => {
    const { scene, runId } = await reviewed();
    const answer = (inputs: { [name: string]: string }) =>
      scene.coordinator.answerApproval(defaultTenant, runId, 'approve', { decision: 'approve', by: 'ada', inputs });
    expect(await codeOf(answer({}))).toBe('invalid_argument');
    expect(await codeOf(answer({ channel: 'x'.repeat(40_000) }))).toBe('too_large');
    expect(await codeOf(scene.coordinator.pushBack(defaultTenant, runId, 'approve', { feedback: ' ', by: 'a' }))).toBe(
      'invalid_argument',
    );
    expect(await codeOf(scene.coordinator.listApprovals(defaultTenant, 'run_nope'))).toBe('not_found');
    expect(await scene.status(runId)).toBe('waiting');
  });

  test('is settled at once when the run is cancelled', async () => {
    const { scene, runId } = await reviewed();
    await scene.coordinator.cancelRun(defaultTenant, runId, 'ada');
    await scene.settle();
    expect(await scene.status(runId)).toBe('cancelled');
    expect(await scene.coordinator.listApprovals(defaultTenant)).toEqual([]);
  });

  test('holds no slot of a worker, and runs that wait keep no other run from beginning', async () => {
    const other = dagOf([stepOf('work')], { name: 'other' });
    const ask = dagOf([approvalOf('approve')], { name: 'ask', params: review.params });
    const scene = await createScene({ dags: [ask, other], config: { minWindow: 2 } });
    onTestFinished(() => scene.close());
    const worker = await scene.join({ slots: 1 });
    for (let run = 0; run < 5; run += 1) await scene.submit('ask');
    expect(await scene.coordinator.listApprovals(defaultTenant)).toHaveLength(5);
    const runs = [await scene.submit('other'), await scene.submit('other'), await scene.submit('other')];
    for (const [place] of runs.entries()) await scene.answer(worker, place);
    for (const runId of runs) expect(await scene.status(runId)).toBe('succeeded');
    await scene.restart();
    const after = await scene.join({ slots: 1 });
    const last = await scene.submit('other');
    await scene.answer(after, 0);
    expect(await scene.status(last)).toBe('succeeded');
  });

  test('whose precondition is not met is skipped, and whose prompt cannot be rendered fails', async () => {
    const steps = [
      approvalOf('never', { preconditions: [{ condition: '${params.what}', expected: 'that', negate: false }] }),
      stepOf('large', { action: { kind: 'approval', prompt: '${params.what}', input: [] } }),
    ];
    const scene = await open(dagOf(steps, { name: 'asks', params: review.params }));
    const runId = await scene.submit('asks', { params: { what: 'x'.repeat(33_000) } });
    await scene.settle();
    const { steps: views } = await scene.view(runId);
    expect(views.map(({ status, error }) => [status, error?.code])).toEqual([
      ['skipped', undefined],
      ['failed', 'too_large'],
    ]);
  });
});

describe('a push-back', () => {
  const again = (scene: Scene, runId: string, feedback = 'shorter') =>
    scene.coordinator.pushBack(defaultTenant, runId, 'approve', { feedback, by: 'ada' }).then(() => scene.settle());

  test('runs the work again with the feedback, round after round, until it is approved', async () => {
    const { scene, worker, runId } = await reviewed();
    expect(worker.offers[0]).toMatchObject({
      refs: { 'run.feedback': { inline: '' }, 'run.round': { inline: 0 } },
      upstreamEnv: {},
    });
    await again(scene, runId, 'shorter');
    expect(worker.offers[1]).toMatchObject({
      step: 'draft',
      attempt: 2,
      round: 1,
      refs: { 'run.feedback': { inline: 'shorter' }, 'run.round': { inline: 1 } },
      upstreamEnv: { SKEIN_FEEDBACK: { inline: 'shorter' }, SKEIN_ROUND: { inline: 1 } },
    });
    await scene.answer(worker, 1);
    expect(await scene.coordinator.listApprovals(defaultTenant)).toMatchObject([{ round: 1 }]);
    await again(scene, runId, 'shorter still');
    await scene.restart();
    const next = await scene.join();
    const offered = [...worker.offers.slice(2), ...next.offers];
    expect(offered.map(({ step, attempt, round }) => [step, attempt, round]).at(0)).toEqual(['draft', 3, 2]);
  });

  test('is approved in its second round by who saw that one', async () => {
    const { scene, worker, runId } = await reviewed();
    await again(scene, runId);
    expect(await codeOf(say(scene, runId, 'approve'))).toBe('illegal_transition');
    await scene.answer(worker, 1);
    expect(await codeOf(say(scene, runId, 'approve', { round: 0 }))).toBe('illegal_transition');
    await say(scene, runId, 'approve', { round: 1 });
    await scene.answer(worker, 2);
    expect(await scene.status(runId)).toBe('succeeded');
    expect((await scene.view(runId)).steps.map(({ attempt }) => attempt)).toEqual([2, 2, 1]);
  });

  test('that is repeated after its answer was lost changes nothing', async () => {
    const { scene, runId } = await reviewed();
    await again(scene, runId);
    const before = await scene.types(runId);
    await again(scene, runId);
    expect(await scene.types(runId)).toEqual(before);
    expect(await codeOf(again(scene, runId, 'other'))).toBe('illegal_transition');
  });
});

describe('a wait', () => {
  test('for a time goes on by itself, once, also when the coordinator was away at that time', async () => {
    const scene = await open(
      dagOf([waitOf('pause', { durationMs: 60_000 }), waitOf('next', { durationMs: 1_000 }, { depends: ['pause'] })], {
        name: 'pauses',
      }),
    );
    const runId = await scene.submit('pauses');
    expect(await scene.status(runId)).toBe('waiting');
    await scene.clock.advance(59_000);
    expect(await scene.types(runId)).not.toContain('step_answered');
    await scene.restart();
    await scene.clock.advance(1_000);
    await scene.settle();
    expect((await scene.types(runId)).filter((type) => type === 'step_answered')).toHaveLength(1);
    await scene.clock.advance(1_000);
    await scene.settle();
    await scene.restart();
    expect(await scene.status(runId)).toBe('succeeded');
    expect((await scene.types(runId)).filter((type) => type === 'step_answered')).toHaveLength(2);
  });

  test('until an instant takes it from a parameter, and fails for what is none', async () => {
    const params = [{ name: 'at', type: 'string', required: true }] as const;
    const scene = await open(dagOf([waitOf('until', { until: '${params.at}' })], { name: 'until', params }));
    const at = new Date(scene.clock.now() + 5_000).toISOString();
    const runId = await scene.submit('until', { params: { at } });
    expect((await scene.view(runId)).steps[0]).toMatchObject({ status: 'waiting', wait: { for: 'time', until: at } });
    await scene.clock.advance(5_000);
    await scene.settle();
    expect(await scene.status(runId)).toBe('succeeded');
    const wrong = await scene.submit('until', { params: { at: 'soon' } });
    expect((await scene.view(wrong)).error?.message).toContain('the step cannot wait until "soon"');
    const past = await scene.submit('until', { params: { at: '2001-01-01T00:00:00Z' } });
    expect(await scene.status(past)).toBe('succeeded');
  });

  test('for a message ends with it, and steps that follow see what it said', async () => {
    const follows = stepOf('then', {
      depends: ['inbox'],
      action: { kind: 'shell', commands: ['echo ${steps.inbox.outputs.text}'] },
    });
    const scene = await open(dagOf([waitOf('inbox', { message: true }), follows], { name: 'inbox' }));
    const worker = await scene.join();
    const runId = await scene.submit('inbox');
    await scene.restart();
    await scene.coordinator.sendMessage(defaultTenant, runId, 'inbox', { text: 'go', messageId: 'm1' }, 'bob');
    await scene.settle();
    const again = await scene.coordinator.sendMessage(
      defaultTenant,
      runId,
      'inbox',
      { text: 'go', messageId: 'm1' },
      'bob',
    );
    expect([again.created, again.message.state]).toEqual([false, 'consumed']);
    const late = scene.coordinator.sendMessage(defaultTenant, runId, 'inbox', { text: 'more' }, 'bob');
    expect(await codeOf(late)).toBe('illegal_transition');
    expect((await scene.view(runId)).steps[0]?.outputs).toEqual({ text: 'go', sender: 'bob', messageId: 'm1' });
    expect(worker.closed || (await scene.status(runId)) === 'running').toBe(true);
  });

  test('that nobody ends fails with its timeout', async () => {
    const scene = await open(dagOf([waitOf('inbox', { message: true }, { timeoutMs: 2_000 })], { name: 'inbox' }));
    const runId = await scene.submit('inbox');
    await scene.clock.advance(2_000);
    await scene.settle();
    expect((await scene.view(runId)).steps[0]?.error?.code).toBe('deadline_exceeded');
  });
});
