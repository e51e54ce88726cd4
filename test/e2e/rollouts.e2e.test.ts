import type { RunView } from '@skein/domain';
import type { RolloutInfo, StartRolloutInput } from '@skein/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RolloutFleet, sorter, sortParams, sortStep, words } from './rollout-fleet.ts';
import { eventually, skein } from './stack.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

const webhooks = new WebhookReceiver(1);
let fleet: RolloutFleet;

beforeAll(async () => {
  await webhooks.start();
  fleet = await RolloutFleet.start(
    {
      ...sorter('letters'),
      'dags/doomed.yaml': `name: doomed
${sortParams}steps:
${sortStep('letters')}  - { id: fails, depends: sort, command: "false" }
`,
      ...sorter('parcels'),
      ...sorter('posted', 'scorers:\n  - { id: human, type: posted }\n'),
    },
    { env: { SKEIN_WEBHOOK_URLS: webhooks.url, SKEIN_WEBHOOK_SECRET: webhooks.secret } },
  );
});

afterAll(async () => {
  const { left } = await fleet.stop();
  await webhooks.stop();
  expect(left).toEqual([]);
});

const decisionOf = (run: RunView, agent: string): RunView['agents'][string] =>
  run.agents[agent] ?? expect.fail(`${run.runId} has no decision for ${agent}`);

/** Runs by the arm that they got through segments. */
const ofArm = (runs: readonly RunView[], agent: string, arm: number): readonly RunView[] =>
  runs.filter((run) => decisionOf(run, agent).source === 'segments' && decisionOf(run, agent).arm === arm);

const byHand = { steps: [], rules: [{ metric: 'score:right' as const }] };

describe('a version that is worse', () => {
  let rollout: RolloutInfo;
  let runs: readonly RunView[];
  let doomed: RunView;
  let versions: { readonly stable: string; readonly blind: string };

  it('takes itself back, and no run that is admitted afterwards gets it (I7)', async () => {
    const stable = (await fleet.activeVersion('letters')) ?? '';
    const blind = await fleet.publish('letters', words.blind);
    versions = { stable, blind };
    const asked = ['letters', blind, '--weight', '50%', '--rule', 'score:right', '--json'];
    const { exitCode, stdout, stderr } = await skein(fleet.stack, 'rollout', 'start', ...asked);
    expect([exitCode, stderr]).toEqual([0, '']);
    const started = JSON.parse(stdout) as RolloutInfo;
    expect(started).toMatchObject({
      status: 'active',
      candidateVersionId: blind,
      stableVersionId: stable,
      revision: 1,
    });
    // One run that fails for a reason of its own, to be retried afterwards.
    const unlucky = await fleet.customerOf('doomed', 'letters', 1);
    doomed = await fleet.run('doomed', unlucky);
    ({ rollout, runs } = await fleet.driveToEnd('letters', started.id));
    expect(rollout).toMatchObject({ status: 'rolled_back', statusReason: 'regression', revision: 2 });
    expect(await fleet.activeVersion('letters')).toBe(stable);
    const after = await fleet.drive('letters', rollout.id, 20);
    expect(after.map((run) => run.agents['letters']?.versionId)).toEqual(after.map(() => stable));
  });

  it('leaves its evidence: blocks, values and the threshold that was passed; far fewer units than would have met it', async () => {
    const test = rollout.evidence?.tests.find(({ rule }) => rule === 'score:right') ?? expect.fail('no test');
    expect(test).toMatchObject({ breached: true, candidateMean: 0, stableMean: 1 });
    expect(test.eMax).toBeGreaterThanOrEqual(test.threshold);
    // About 25 decide; others end while the evaluator looks, and while a slow disk keeps what it saw.
    expect(test.candidateValues).toBeLessThan(150);
    expect(rollout.explanation.because).toContain('score:right');
    const observations = await fleet.client.rollouts.observations('letters', {
      rolloutId: rollout.id,
      metric: 'score:right',
      limit: 500,
    });
    // Each value is that of the arm that the run's own record names.
    const armOf = new Map(runs.map((run) => [run.runId as string, decisionOf(run, 'letters').arm]));
    expect(observations.items.length).toBeGreaterThanOrEqual(test.candidateValues + test.stableValues);
    for (const { runId, arm, value } of observations.items) {
      if (armOf.has(runId)) expect(arm).toBe(armOf.get(runId));
      expect(value).toBe(arm === 1 ? 0 : 1);
    }
  });

  it('shows in each run what was decided, by which rollout and revision, and at which position', () => {
    const [candidate] = ofArm(runs, 'letters', 1);
    const [stable] = ofArm(runs, 'letters', 0);
    const half = 2 ** 31;
    const decided = { source: 'segments', rolloutId: rollout.id, revision: 1 };
    expect(decisionOf(candidate ?? expect.fail(), 'letters')).toMatchObject({ ...decided, versionId: versions.blind });
    expect(decisionOf(stable ?? expect.fail(), 'letters')).toMatchObject({ ...decided, versionId: versions.stable });
    for (const run of [...ofArm(runs, 'letters', 0), ...ofArm(runs, 'letters', 1)]) {
      const { position = -1, arm } = decisionOf(run, 'letters');
      expect(position >= half ? 1 : 0).toBe(arm);
    }
  });

  it('gives way to the stable version when one of its runs is retried, unless just this version is asked for', async () => {
    const { runId } = doomed;
    expect(decisionOf(doomed, 'letters').versionId).toBe(versions.blind);
    const retried = await fleet.ended((await fleet.client.runs.retry(runId)).runId);
    expect(decisionOf(retried, 'letters').versionId).toBe(versions.stable);
    expect(retried.retryOf).toBe(runId);
    const { stdout } = await skein(fleet.stack, 'retry', runId, '--same-versions', '--json');
    const same = await fleet.ended((JSON.parse(stdout) as RunView).runId);
    expect(decisionOf(same, 'letters')).toMatchObject({ versionId: versions.blind, source: 'retry' });
  });

  it('is not started again for a day, unless somebody says why', async () => {
    const input: StartRolloutInput = { type: 'canary', candidateVersionId: versions.blind, weight: 0.5, ...byHand };
    await expect(fleet.client.rollouts.start('letters', input)).rejects.toMatchObject({ code: 'illegal_transition' });
    const forced = await fleet.client.rollouts.start('letters', { ...input, force: true, reason: 'look once more' });
    expect(forced.status).toBe('active');
    await fleet.client.rollouts.cancel('letters');
  });
});

describe('a version that is no worse', () => {
  it('is promoted step by step and becomes the active one', async () => {
    const wide = await fleet.publish('parcels', words.wide);
    const step = { minUnits: 4, minDurationMs: 0, maxHarm: 1 };
    const started = await fleet.client.rollouts.start('parcels', {
      type: 'canary',
      candidateVersionId: wide,
      rules: [{ metric: 'score:right', promoteMargin: 0.5 }],
      steps: [
        { weight: 0.25, ...step },
        { weight: 0.5, ...step },
        { weight: 1, ...step },
      ],
      force: true,
      reason: 'steps of no time',
    });
    const { rollout } = await fleet.driveToEnd('parcels', started.id);
    expect(rollout).toMatchObject({ status: 'completed', statusReason: 'gate_passed', winner: 'candidate' });
    expect(await fleet.activeVersion('parcels')).toBe(wide);
    const { items } = await fleet.client.rollouts.events({ limit: 500 });
    const moves = items.filter(({ rolloutId }) => rolloutId === rollout.id);
    expect(moves.map(({ revision }) => revision)).toEqual(moves.map((_, index) => index + 1));
    expect(moves.slice(1).every(({ by }) => by.actor === 'evaluator')).toBe(true);
    expect(decisionOf(await fleet.run('parcels', 'later'), 'parcels')).toMatchObject({
      versionId: wide,
      source: 'active',
    });
  });
});

describe('scores that somebody posts', () => {
  it('move the evidence, once each, and take a version back', async () => {
    const blind = await fleet.publish('posted', words.blind);
    const started = await fleet.client.rollouts.start('posted', {
      type: 'canary',
      candidateVersionId: blind,
      weight: 0.5,
      steps: [],
      rules: [{ metric: 'score:human' }],
      alpha: 0.05,
    });
    const runs = await fleet.drive('posted', 'reader', 80);
    expect((await fleet.client.rollouts.read(started.id)).status).toBe('active');
    for (const run of runs) {
      const { arm } = decisionOf(run, 'posted');
      const score = { scorer: 'human', value: arm === 1 ? 0 : 1 };
      const { recorded } = await fleet.client.scores.post(run.runId, score);
      expect(recorded).toBe(true);
      const again = await fleet.client.scores.post(run.runId, { ...score, value: 1 - score.value });
      expect([again.recorded, again.score.value]).toEqual([false, score.value]);
    }
    const rollout = await eventually('the posted scores decide', async () => {
      const now = await fleet.client.rollouts.read(started.id);
      return now.status === 'rolled_back' ? now : undefined;
    });
    const test = rollout.evidence?.tests.find(({ rule }) => rule === 'score:human');
    expect(test).toMatchObject({ breached: true, candidateMean: 0, stableMean: 1 });
  });
});

describe('webhooks', () => {
  it('bring every change in order, at least once, signed as Standard Webhooks say', async () => {
    const { items } = await fleet.client.rollouts.events({ limit: 500 });
    await eventually('all have come', () => webhooks.received.length >= items.length);
    expect(webhooks.refused).toBe(1);
    for (const each of webhooks.received) expect(each.headers['webhook-signature']).toBe(webhooks.signatureOf(each));
    const seen = new Map(webhooks.received.map((each) => [each.headers['webhook-id'], JSON.parse(each.body)]));
    const told = [...seen.values()].map(({ type, data }) => [type, data.rolloutId, data.revision]);
    expect(told).toEqual(items.map(({ type, rolloutId, revision }) => [`rollout.${type}`, rolloutId, revision]));
  });
});
