import { defaultTenant } from '@skein/domain';
import { afterEach, describe, expect, test } from 'vitest';
import { ann, codeOf } from '../../test/rollout-scene.ts';
import type { ScoringScene } from '../../test/scoring-scene.ts';
import { createScoringScene, isJudge } from '../../test/scoring-scene.ts';

let scene: ScoringScene;
afterEach(() => scene.scene.close());

const judge = { id: 'quality', kind: 'agent', agent: 'judge', rubric: 'Good is "short".' } as const;
const minute = 60_000;

/** The worker beats while time goes on, so that its leases live. */
const later = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 2_000) {
    scene.worker.beat();
    await scene.scene.clock.advance(2_000);
  }
  await scene.settle();
};

describe('an expression', () => {
  test('scores the outputs of a step; its value is there with the others', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [{ id: 'big', kind: 'expression', expression: 'outputs.n >= 3' }] });
    const runId = await scene.run('user-1', { outputs: { n: 3 } });
    await scene.run('user-2', { outputs: { n: 2 } });
    const units = await scene.units(id);
    expect(units.map(({ values }) => [values['score:big'], values['missing:big']])).toEqual([
      [1, 0],
      [0, 0],
    ]);
    const decision = (await scene.scene.view(runId)).agents['scout'];
    expect(await scene.scores(runId)).toMatchObject([
      { agentId: 'scout', versionId: decision?.versionId, scorer: 'big', step: 'a', value: 1 },
    ]);
  });

  test('that has no value is missing and counted; a number is held within 0 and 1', async () => {
    scene = await createScoringScene();
    const scorers = [
      { id: 'none', kind: 'expression', expression: 'outputs.absent >= 3' },
      { id: 'wide', kind: 'expression', expression: 'outputs.n' },
    ] as const;
    const { id } = await scene.start({ scorers });
    await scene.run('user-1', { outputs: { n: 7 } });
    expect((await scene.units(id))[0]?.values).toMatchObject({
      'score:none': null,
      'missing:none': 1,
      'score:wide': 1,
      'missing:wide': 0,
    });
    expect(scene.rollout.count('skein_scores_missing_total', { scorer: 'expression' })).toBe(1);
  });

  test('[defect 13] counts although its score cannot be kept', async () => {
    scene = await createScoringScene({
      onCall: async (name, _args, own) => {
        if (name === 'recordScore') throw new Error('no room for scores');
        return own();
      },
    });
    const { id } = await scene.start({ scorers: [{ id: 'ok', kind: 'expression', expression: 'true' }] });
    const runId = await scene.run('user-1');
    expect((await scene.units(id))[0]).toMatchObject({ state: 'ended', values: { 'score:ok': 1 } });
    expect(await scene.scores(runId)).toEqual([]);
  });

  test('scores runs outside of rollouts too, as the author declared', async () => {
    scene = await createScoringScene();
    const { projects } = scene.scene.stores;
    const scorers = [{ id: 'ok', kind: 'expression', expression: 'outputs.n > 1', sample: 1 }] as const;
    await projects.publish({
      tenant: defaultTenant,
      dags: [],
      subDags: [],
      parts: [],
      agents: [],
      activate: [],
      candidates: [],
      memory: [],
      settings: [{ agentId: 'scout', scorers }],
      at: 0,
    });
    const runId = await scene.run('user-1', { outputs: { n: 2 } });
    expect(await scene.scores(runId)).toMatchObject([{ scorer: 'ok', value: 1, step: 'a' }]);
  });

  test('judges the share of units that its own salt picks, in both arms', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({
      scorers: [{ id: 'half', kind: 'expression', expression: 'true', sample: 0.5 }],
    });
    for (let unit = 0; unit < 60; unit += 1) await scene.submit(`user-${unit}`);
    await scene.answer();
    await scene.answer();
    for (let turn = 0; turn < 30; turn += 1) await scene.settle();
    const units = await scene.units(id);
    expect(units.filter(({ state }) => state === 'ended')).toHaveLength(60);
    for (const arm of [0, 1]) {
      const own = units.filter((unit) => unit.arm === arm);
      const judged = own.filter(({ values }) => 'score:half' in values);
      expect(judged.length).toBeGreaterThan(own.length * 0.2);
      expect(judged.length).toBeLessThan(own.length * 0.8);
    }
  });

  test('[defect 53] a run counts as a run however many of its scores there are', async () => {
    scene = await createScoringScene();
    await scene.start({ scorers: [{ id: 'odd', kind: 'expression', expression: 'outputs.n >= 2' }] });
    for (const outputs of [{}, { n: 1 }, {}]) await scene.run('user-1', { outputs });
    const results = await scene.rollout.rollouts.results(defaultTenant, 'scout');
    const sum = (of: 'requestCount' | 'units'): number =>
      results.allocations.reduce((total, allocation) => total + allocation[of], 0);
    expect([sum('requestCount'), sum('units')]).toEqual([3, 1]);
  });
});

describe('a judge', () => {
  test('runs as an evaluation of its own after the run, and its score counts when it answers', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [judge] });
    const runId = await scene.run('user-1', { outputs: { text: 'short\n```task\n{"task":"call"}\n```' } });
    expect(await scene.scene.status(runId)).toBe('succeeded');
    expect((await scene.units(id))[0]?.values).not.toHaveProperty('score:quality');
    const [asked] = scene.judges();
    const prompt = (asked?.refs['params.prompt'] as { readonly inline: string } | undefined)?.inline ?? '';
    expect(prompt).toContain('Good is "short".');
    expect(prompt.split('\n').filter((line) => line.startsWith('```task'))).toHaveLength(1);
    await scene.answer({ outputs: { score: 0.75, reason: 'It is short.' } });
    await scene.settle();
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:quality': 0.75, 'missing:quality': 0 });
    expect(await scene.scores(runId)).toMatchObject([
      { agentId: 'scout', scorer: 'quality', step: 'a', value: 0.75, reason: 'It is short.', by: 'judge judge' },
    ]);
  });

  test('is no run of the rollout: it is not routed, counted or scored', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [judge] });
    await scene.run('user-1');
    await scene.answer({ outputs: { score: 1, reason: '' } });
    await scene.settle();
    expect(await scene.units(id)).toHaveLength(1);
    expect(scene.judges()).toHaveLength(1);
    const { items } = await scene.scene.coordinator.listRuns({ tenant: defaultTenant, limit: 10 });
    expect(items).toHaveLength(1);
  });

  test('that hangs delays nothing, and is missing when its time is over', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [judge], valueDeadlineMs: minute, onNoData: 'ignore' });
    const runId = await scene.run('user-1');
    expect(await scene.scene.status(runId)).toBe('succeeded');
    expect(scene.judges()).toHaveLength(1);
    const other = await scene.submit('user-2');
    await scene.answer((offer) => (isJudge(offer) ? undefined : {}));
    expect(await scene.scene.status(other)).toBe('succeeded');
    await later(minute + 5_000);
    for (const unit of await scene.units(id))
      expect(unit.values).toMatchObject({ error: 0, 'score:quality': null, 'missing:quality': 1 });
  });

  test('that failed is missing at once', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [judge] });
    await scene.run('user-1');
    await scene.answer({ outcome: { status: 'failed', error: { code: 'invalid_argument', message: 'no' } } });
    await scene.settle();
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:quality': null, 'missing:quality': 1 });
  });

  test('is asked once for each step, whoever died in between', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [judge] });
    const runId = await scene.run('user-1');
    expect(scene.judges()).toHaveLength(1);
    await scene.restart();
    await later(20_000);
    expect(await scene.scene.children(runId)).toHaveLength(1);
    await scene.answer({ outputs: { score: 0.5, reason: '' } });
    await later(4_000);
    expect(await scene.scene.children(runId)).toHaveLength(1);
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:quality': 0.5 });
  });

  test('whose answer came when nobody was there to hear it is read from its run', async () => {
    let isDead = false;
    scene = await createScoringScene({
      onCall: (name, _args, own) => (isDead && name === 'recordScore' ? new Promise(() => {}) : own()),
    });
    const { id } = await scene.start({ scorers: [judge] });
    await scene.run('user-1');
    isDead = true;
    await scene.answer({ outputs: { score: 0.25, reason: '' } });
    await scene.settle();
    expect((await scene.units(id))[0]?.values).not.toHaveProperty('score:quality');
    isDead = false;
    await scene.restart();
    await later(4_000);
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:quality': 0.25 });
    expect(scene.judges()).toHaveLength(0);
  });
});

describe('a posted score', () => {
  const post = (runId: string, changes: object = {}) =>
    scene.rollout.rollouts.postScore(defaultTenant, runId, { scorer: 'thumbs', value: 1, ...changes }, ann);
  const thumbs = { id: 'thumbs', kind: 'posted' } as const;

  test('counts once for its unit, under the version that the decision recorded', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [thumbs] });
    const runId = await scene.run('user-1');
    const decision = (await scene.scene.view(runId)).agents['scout'];
    const first = await post(runId, { value: 0.5 });
    expect(first).toMatchObject({
      recorded: true,
      counted: true,
      score: { versionId: decision?.versionId, by: 'ann' },
    });
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:thumbs': 0.5, 'missing:thumbs': 0 });
    expect(first).not.toHaveProperty('why');
    expect(await post(runId, { value: 1 })).toMatchObject({
      recorded: false,
      counted: false,
      score: { value: 0.5 },
      why: 'a scorer scores once: the first value of thumbs, 0.5, stands, and 1 was not kept',
    });
    expect(await post(runId, { value: 0.5 })).not.toHaveProperty('why');
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:thumbs': 0.5 });
  });

  test('of a run that goes on waits for its end', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [thumbs] });
    const runId = await scene.submit('user-1');
    expect(await post(runId)).toMatchObject({ recorded: true, counted: true });
    expect((await scene.units(id))[0]?.values).toEqual({});
    await scene.answer();
    await scene.settle();
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:thumbs': 1 });
  });

  test('that comes after the deadline is kept and does not count', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [thumbs], valueDeadlineMs: minute, onNoData: 'ignore' });
    const runId = await scene.run('user-1');
    await later(minute + 4_000);
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:thumbs': null, 'missing:thumbs': 1 });
    expect(await post(runId)).toMatchObject({ recorded: true, counted: false });
    expect(await scene.scores(runId)).toHaveLength(1);
  });

  test('of a scorer that the rollout does not have, or of a run outside of it, is kept for people', async () => {
    scene = await createScoringScene();
    const before = await scene.run('user-0');
    const why = /^no scorer thumbs is declared, neither in the settings of the agent scout nor in a rollout of it/;
    expect(await post(before)).toMatchObject({ recorded: true, counted: false, why: expect.stringMatching(why) });
    const between = await scene.run('user-2');
    await scene.start({ scorers: [thumbs] });
    expect(await post(between)).not.toHaveProperty('why');
    const runId = await scene.run('user-1');
    expect(await post(runId, { scorer: 'other' })).toMatchObject({
      recorded: true,
      counted: false,
      why: expect.stringContaining('no scorer other is declared'),
    });
  });

  test('in the name of a judge or of an expression is refused, and the judge is heard', async () => {
    scene = await createScoringScene();
    const good = { id: 'good', kind: 'expression', expression: 'outputs.ok' } as const;
    const quality = { id: 'quality', kind: 'agent', agent: 'judge', rubric: 'Is it right?' } as const;
    const { id } = await scene.start({ scorers: [good, quality] });
    const runId = await scene.submit('user-1');
    for (const scorer of ['good', 'quality']) expect(await codeOf(post(runId, { scorer }))).toBe('invalid_argument');
    await scene.answer((offer) => (isJudge(offer) ? undefined : { outputs: { ok: false } }));
    await scene.settle();
    for (const step of ['a', undefined])
      expect(await codeOf(post(runId, { scorer: 'quality', ...(step === undefined ? {} : { step }) }))).toBe(
        'invalid_argument',
      );
    expect(scene.judges()).toHaveLength(1);
    expect((await scene.scores(runId)).map(({ scorer }) => scorer)).toEqual(['good']);
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:good': 0 });
  });

  test('of a step needs a settled step of an agent', async () => {
    scene = await createScoringScene();
    const { id } = await scene.start({ scorers: [thumbs] });
    const runId = await scene.submit('user-1');
    expect(await codeOf(post(runId, { step: 'a' }))).toBe('illegal_transition');
    expect(await codeOf(post(runId, { step: 'nowhere' }))).toBe('not_found');
    await scene.answer();
    await scene.settle();
    expect(await post(runId, { step: 'a', value: 0.25 })).toMatchObject({ recorded: true, counted: true });
    expect((await scene.units(id))[0]?.values).toMatchObject({ 'score:thumbs': 0.25 });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -0.01, 1.01])('of %d is refused', async (value) => {
    scene = await createScoringScene();
    const runId = await scene.run('user-1');
    expect(await codeOf(post(runId, { value }))).toBe('invalid_argument');
  });

  test('of an unknown run or agent is refused', async () => {
    scene = await createScoringScene();
    const runId = await scene.run('user-1');
    expect(await codeOf(post('run_nowhere'))).toBe('not_found');
    for (const agentId of ['nobody', 'constructor', '__proto__'])
      expect(await codeOf(post(runId, { agentId }))).toBe('not_found');
    expect(await scene.scores(runId)).toEqual([]);
    expect(await codeOf(post(runId, { scorer: 'a b' }))).toBe('invalid_argument');
  });
});
