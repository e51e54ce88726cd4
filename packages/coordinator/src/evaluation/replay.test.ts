import { defaultTenant } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { createReplayScene, failing } from '../../test/replay-scene.ts';

const date = { tool: 'bash', input: { command: 'date' }, output: 'monday' };

test('recorded steps run again on the candidate, with what their tools answered, and pass when it is not worse', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  const runs = [
    await scene.recorded(worker, 'one', { calls: [date, { ...date, output: 'tuesday' }] }),
    await scene.recorded(worker, 'two'),
  ];
  const id = await scene.startReplay({ kind: 'sample' }, { minPairs: 2 });
  const offers = worker.offers.slice(2);
  expect(offers.map((offer) => offer.agents)).toEqual([{ scout: scene.candidate }, { scout: scene.candidate }]);
  expect(offers.map((offer) => scene.promptOf(offer))).toEqual(['Find two', 'Find one']);
  expect(offers.map(({ dagName, stepId }) => [dagName, stepId])).toEqual([
    ['ask', 'a'],
    ['ask', 'a'],
  ]);
  expect(await scene.playbackOf(offers[1]!)).toEqual({
    format: 1,
    mode: 'strict',
    calls: [
      { tool: 'bash', input: '{"command":"date"}', output: 'monday', isError: false },
      { tool: 'bash', input: '{"command":"date"}', output: 'tuesday', isError: false },
    ],
  });
  await scene.playAll(worker, 2, () => ({ usage: { inputTokens: 130, divergedCalls: 1 } }));
  const view = await scene.replay(id);
  expect(view).toMatchObject({ status: 'passed', explanation: { code: 'replay_passed' } });
  expect(view.pairs.map(({ runId, step, state }) => [runId, step, state])).toEqual([
    [runs[1], 'a', 'done'],
    [runs[0], 'a', 'done'],
  ]);
  expect(view.pairs[0]).toMatchObject({
    divergedCalls: 1,
    values: { error: { recorded: 1, replayed: 1 }, tokens: { recorded: 0.5, replayed: 0.25 } },
  });
  expect(view.comparison).toMatchObject([
    { metric: 'error', pairs: 2, meanDifference: 0, decides: true },
    { metric: 'latency', decides: false },
    { metric: 'tokens', meanDifference: -0.25, decides: false },
  ]);
});

test('a candidate that fails what went well fails its replay before all pairs are run', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  for (let place = 0; place < 40; place += 1) await scene.recorded(worker, `${place}`);
  const id = await scene.startReplay({ kind: 'sample' }, { limit: 40 });
  const played = await scene.playAll(worker, 40, () => failing);
  const view = await scene.replay(id);
  expect(view).toMatchObject({ status: 'failed', explanation: { data: { breached: 'error' } } });
  expect(view.comparison[0]?.eWorse).toBeGreaterThanOrEqual(100);
  expect(played).toBeLessThan(30);
  expect(view.pairs.some(({ state }) => state === 'waiting')).toBe(true);
});

test('a candidate that fails again what failed does not pass, and is said to fail the same way', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  for (let place = 0; place < 6; place += 1) await scene.recorded(worker, `${place}`, failing);
  const id = await scene.startReplay({ kind: 'failed' });
  await scene.playAll(worker, 6, () => failing);
  const view = await scene.replay(id);
  expect(view.pairs.map(({ values }) => values['error'])).toEqual(
    Array.from({ length: 6 }, () => ({ recorded: 0, replayed: 0 })),
  );
  expect(view).toMatchObject({ status: 'inconclusive', explanation: { code: 'replay_inconclusive' } });
  expect(view.explanation.because).toContain('The candidate fails the same way');
});

test('one good pair is no proof: the replay says how many are needed', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  await scene.recorded(worker, 'one');
  const id = await scene.startReplay();
  await scene.playAll(worker, 1);
  const view = await scene.replay(id);
  expect(view).toMatchObject({ status: 'inconclusive', explanation: { data: { minPairs: 5 } } });
  expect(view.explanation.because).toContain('Only 1 pair of 5 that are needed');
});

test('at most eight pairs are at work at once', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player(20);
  for (let place = 0; place < 12; place += 1) await scene.recorded(worker, `${place}`);
  await scene.startReplay();
  await scene.scene.clock.advance(5_000);
  await scene.scene.settle();
  expect(worker.offers.length - 12).toBe(8);
});

test('judges score both sides with one ruler, and their runs are under the runs that they judge', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  const runId = await scene.recorded(worker, 'one', { outputs: { text: 'recorded' } });
  const id = await scene.startReplay(
    { kind: 'sample' },
    { minPairs: 1, scorers: [{ id: 'nice', kind: 'agent', agent: 'scout', rubric: 'Be nice.' }] },
  );
  const judged: string[] = [];
  await scene.playAll(worker, 1, (offer) => {
    if (offer.playback !== undefined) return { outputs: { text: 'replayed' } };
    const prompt = scene.promptOf(offer);
    const isRecorded = prompt.includes('"recorded"');
    judged.push(offer.agents['scout'] ?? '');
    return { outputs: { score: isRecorded ? 0.5 : 0.9, reason: 'so' } };
  });
  const view = await scene.replay(id);
  expect(view).toMatchObject({
    status: 'passed',
    pairs: [{ runId, state: 'done', values: { 'score:nice': { recorded: 0.5, replayed: 0.9 } } }],
  });
  expect(judged).toEqual([scene.stable, scene.stable]);
  expect(view.comparison.find(({ metric }) => metric === 'score:nice')?.decides).toBe(true);
  expect((await scene.scene.children(view.pairs[0]?.replayRunId ?? '')).length).toBe(1);
});

test('a score that the candidate does not give counts as none, so that silence does not pass', async () => {
  const scene = await createReplayScene();
  const worker = await scene.player();
  await scene.recorded(worker, 'one', { outputs: { good: true } });
  const scorers = [{ id: 'good', kind: 'expression', expression: 'outputs.good' }] as const;
  const id = await scene.startReplay({ kind: 'sample' }, { scorers });
  await scene.playAll(worker, 1, () => ({ outputs: { text: 'nothing' } }));
  expect(await scene.replay(id)).toMatchObject({
    status: 'inconclusive',
    pairs: [{ values: { 'score:good': { recorded: 1, replayed: 0 } } }],
  });
});

describe('what is picked', () => {
  test('failed: steps that failed, or of runs that did', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'good');
    const bad = await scene.recorded(worker, 'bad', failing);
    const id = await scene.startReplay({ kind: 'failed' }, { minPairs: 1 });
    await scene.playAll(worker, 2);
    const view = await scene.replay(id);
    expect(view.pairs.map(({ runId }) => runId)).toEqual([bad]);
    expect(view.pairs[0]?.values['error']).toEqual({ recorded: 0, replayed: 1 });
    expect(view.status).toBe('passed');
  });

  test('low_score: steps with a score below', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    const low = await scene.recorded(worker, 'low');
    const high = await scene.recorded(worker, 'high');
    const score = { agentId: 'scout', versionId: scene.stable, scorer: 's', step: 'a', by: 'ann', at: 1 };
    await scene.scene.stores.rollouts.recordScore(defaultTenant, { ...score, runId: low, value: 0.2 });
    await scene.scene.stores.rollouts.recordScore(defaultTenant, { ...score, runId: high, value: 0.9 });
    const id = await scene.startReplay({ kind: 'low_score', below: 0.5 });
    expect((await scene.replay(id)).pairs.map(({ runId }) => runId)).toEqual([low]);
  });

  test('each prompt once, the newest, and never a step of the candidate', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'same');
    const newer = await scene.recorded(worker, 'same');
    const id = await scene.startReplay();
    expect((await scene.replay(id)).pairs.map(({ runId }) => runId)).toEqual([newer]);
    await scene.playAll(worker, 2);
    // Its own runs are no record either.
    const again = await scene.startReplay();
    expect((await scene.replay(again)).pairs.map(({ runId }) => runId)).toEqual([newer]);
  });

  test('nothing fits: the replay decides nothing and says so', async () => {
    const scene = await createReplayScene();
    const id = await scene.startReplay({ kind: 'failed' });
    expect(await scene.replay(id)).toMatchObject({
      status: 'inconclusive',
      pairs: [],
      explanation: { because: 'No recorded step of the agent fits what was asked for.' },
    });
  });

  test.each([
    [{ limit: 0 }, 'limit'],
    [{ limit: 501 }, 'limit'],
    [{ minPairs: 0 }, 'minPairs'],
    [{ minPairs: 501 }, 'minPairs'],
  ])('%j is refused', async (options, field) => {
    const scene = await createReplayScene();
    await expect(scene.startReplay({ kind: 'sample' }, options)).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { problems: [{ field }] },
    });
  });
});

describe('a record that cannot be used', () => {
  const large = 'x'.repeat(20_000);

  test('a missing body fails the pair with its reason, and the others decide', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'good');
    const { blobs } = scene.scene.stores;
    const before = worker.offers.length;
    const runId = await scene.scene.submit('ask', { params: { q: 'gone' } });
    const gone = `sha256:${'0'.repeat(64)}`;
    const offer = worker.offers[before]!;
    await scene.record(worker, offer, 0, [
      {
        type: 'turn',
        thread: '',
        turn: 1,
        delta: { digest: gone, bytes: large.length },
        finishReason: 'stop',
        calls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
      },
    ]);
    await scene.scene.answer(worker, before);
    await expect(blobs.get(defaultTenant, gone)).rejects.toThrow();
    const id = await scene.startReplay({ kind: 'sample' }, { minPairs: 1 });
    await scene.playAll(worker, 2);
    const view = await scene.replay(id);
    expect(view.status).toBe('passed');
    expect(view.pairs[0]).toMatchObject({ runId, state: 'failed', reason: expect.stringContaining('not_found') });
    expect(view.explanation.because).toContain('1 record could not be replayed');
  });

  test('a pruned log fails the pair with its reason', async () => {
    const retention = { runMs: 10_000, eventMs: 0, maxEvents: 100, sweepMs: 1_000 };
    const scene = await createReplayScene({ config: { retention } });
    const worker = await scene.player();
    const runId = await scene.recorded(worker, 'old');
    await scene.scene.clock.advance(15_000);
    await scene.scene.settle();
    expect((await scene.scene.stores.runs.readHead(defaultTenant, runId))?.prunedSeq).toBeDefined();
    const id = await scene.startReplay();
    const view = await scene.replay(id);
    expect(view).toMatchObject({ status: 'inconclusive', pairs: [{ state: 'failed' }] });
    expect(view.pairs[0]?.reason).toContain('was removed after its time');
  });

  test('a playback that the worker cannot use says nothing of the candidate', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player();
    await scene.recorded(worker, 'one');
    const id = await scene.startReplay();
    await scene.playAll(worker, 1, () => ({
      outcome: {
        status: 'failed',
        error: { code: 'data_corrupt', message: 'damaged', details: { reason: 'playback' } },
      },
    }));
    expect(await scene.replay(id)).toMatchObject({
      status: 'inconclusive',
      pairs: [{ state: 'failed', reason: 'data_corrupt: damaged' }],
    });
  });

  test('a candidate that nobody takes in time says nothing; one that hangs failed', async () => {
    const scene = await createReplayScene();
    const worker = await scene.player(1);
    await scene.recorded(worker, 'one');
    await scene.recorded(worker, 'two');
    const id = await scene.startReplay();
    const hangs = worker.offers[2]!;
    worker.start(hangs);
    const turn = { type: 'turn', thread: '', turn: 1, delta: { inline: {} }, finishReason: 'stop' } as const;
    await scene.record(worker, hangs, 0, [{ ...turn, calls: [], usage: { inputTokens: 1, outputTokens: 1 } }]);
    for (let beat = 0; beat < 302; beat += 1) {
      worker.beat();
      await scene.scene.clock.advance(2_000);
    }
    expect(worker.of('cancel')).toHaveLength(1);
    await scene.scene.answer(worker, 2, { status: 'cancelled' });
    await scene.playAll(worker, 3);
    const { pairs } = await scene.replay(id);
    expect(pairs).toMatchObject([
      { state: 'done', values: { error: { recorded: 1, replayed: 0 } } },
      { state: 'failed', reason: 'no worker took it in time' },
    ]);
  });
});
