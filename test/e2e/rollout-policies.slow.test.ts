import type { RunView } from '@skein/domain';
import type { RolloutInfo, StartRolloutInput } from '@skein/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { RolloutFleet, sorter, sortParams, sortStep, words } from './rollout-fleet.ts';
import { eventually, skein } from './stack.ts';

const ledger = new Ledger();
let fleet: RolloutFleet;
let stable: string;
let blind: string;

/** Two steps of the agent with a step between them that waits for the test. */
const held = `name: held
params: { text: my invoice, expected: billing, round: none }
steps:
${sortStep('letters')}  - id: hold
    depends: sort
    script: |
      ${ledger.note('held', 'here')}
      while [ ! -e "${ledger.path('held')}.\${params.round}.go" ]; do sleep 0.05; done
${sortStep('letters', '    depends: hold\n').replace('id: sort', 'id: again')}`;

/** The agent in the root, and twice in called DAGs. */
const tree = `name: tree
${sortParams}steps:
${sortStep('letters')}  - { id: one, call: leaf, params: { text: "\${params.text}" } }
  - { id: two, call: leaf, params: { text: "\${params.text}" }, depends: one }
---
name: leaf
params: { text: "" }
steps:
${sortStep('letters')}`;

beforeAll(async () => {
  fleet = await RolloutFleet.start({ ...sorter('letters'), 'dags/held.yaml': held, 'dags/tree.yaml': tree });
  stable = (await fleet.activeVersion('letters')) ?? '';
  blind = await fleet.publish('letters', words.blind);
});

afterAll(async () => {
  const { left } = await fleet.stop();
  ledger.remove();
  expect(left).toEqual([]);
});

/** A canary of the blind version with no rule that acts by itself. */
const start = (more: Partial<StartRolloutInput> = {}) =>
  fleet.client.rollouts.start('letters', {
    type: 'canary',
    candidateVersionId: blind,
    weight: 0.5,
    steps: [],
    rules: [{ metric: 'score:right', action: 'notify' }],
    force: true,
    reason: 'policies',
    ...more,
  });

const decision = (run: RunView): RunView['agents'][string] => run.agents['letters'] ?? expect.fail('no decision');

const topicOf = (run: RunView, step: string): unknown =>
  (run.steps.find(({ id }) => id === step)?.outputs['letters'] as readonly { topic?: string }[] | undefined)?.[0]
    ?.topic;

/** A run of a candidate's customer that stands between its two steps. */
const holdOne = async (customer: string, round: string): Promise<string> => {
  const before = ledger.lines('held').length;
  const runId = await fleet.submit('held', customer, { params: { round } });
  await ledger.written('held', before + 1);
  return runId;
};

describe('the run policy of a rollback, on runs that really run', () => {
  it('migrate: the steps that have not begun use the stable version, recorded, and the run leaves the evidence (I8)', async () => {
    const { id } = await start({ runPolicy: 'migrate' });
    const runId = await holdOne(await fleet.customerOf('letters', 'letters', 1), 'migrate');
    const before = await fleet.client.runs.get(runId);
    expect([decision(before).versionId, topicOf(before, 'sort')]).toEqual([blind, 'question']);
    await fleet.client.rollouts.rollback('letters');
    const migrated = await eventually('the run is migrated', async () => {
      const run = await fleet.client.runs.get(runId);
      return decision(run).versionId === stable ? run : undefined;
    });
    expect(decision(migrated)).toMatchObject({ because: 'migrated', rolloutId: id });
    expect(migrated.snapshotDigest).not.toBe(before.snapshotDigest);
    ledger.release('held.migrate');
    const ended = await fleet.ended(runId);
    expect([ended.status, topicOf(ended, 'sort'), topicOf(ended, 'again')]).toEqual([
      'succeeded',
      'question',
      'billing',
    ]);
    const { items } = await fleet.client.rollouts.observations('letters', { rolloutId: id, limit: 500 });
    expect(items.filter((item) => item.runId === runId)).toEqual([]);
  });

  it('abort: the run is cancelled and says why; a stable run goes on', async () => {
    await start({ runPolicy: 'abort' });
    const taken = await holdOne(await fleet.customerOf('letters', 'letters', 1), 'abort');
    const kept = await holdOne(await fleet.customerOf('letters', 'letters', 0), 'abort');
    await fleet.client.rollouts.rollback('letters');
    const aborted = await fleet.ended(taken);
    expect(aborted.status).toBe('cancelled');
    expect(JSON.stringify(await fleet.stack.facts(taken))).toContain('was rolled back');
    ledger.release('held.abort');
    expect((await fleet.ended(kept)).status).toBe('succeeded');
  });
});

describe('one answer per run', () => {
  it('holds in the steps of called DAGs (I8)', async () => {
    await start();
    for (const arm of [0, 1]) {
      const customer = await fleet.customerOf('letters', 'letters', arm);
      const run = await fleet.run('tree', customer);
      expect([run.status, decision(run).arm]).toEqual(['succeeded', arm]);
      const { items } = await fleet.client.runs.list({ parent: run.runId });
      expect(items).toHaveLength(2);
      for (const child of items) {
        const called = await fleet.client.runs.get(child.runId);
        expect(called.agents['letters']?.versionId).toBe(decision(run).versionId);
        expect(topicOf(called, 'sort')).toBe(arm === 1 ? 'question' : 'billing');
      }
    }
  });

  it('is found for runs that a schedule started by the run itself, so that they meet a candidate too', async () => {
    const runs = await Promise.all(
      Array.from({ length: 16 }, async (_, minute) => {
        const nominalAt = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
        const { run } = await fleet.client.runs.submit({ dag: 'letters', fire: { scheduleId: 'each', nominalAt } });
        return fleet.client.runs.get(run.runId);
      }),
    );
    expect(runs.every((run) => decision(run).source === 'segments')).toBe(true);
    expect(new Set(runs.map((run) => decision(run).arm))).toEqual(new Set([0, 1]));
  });

  it('is the stable version for who has no key; that is counted', async () => {
    const { run } = await fleet.client.runs.submit({ dag: 'letters' });
    expect(decision(await fleet.ended(run.runId))).toMatchObject({ source: 'stable', because: 'unrouted' });
    expect((await fleet.client.rollouts.results('letters')).unrouted).toBe(1);
    await fleet.client.rollouts.cancel('letters');
  });
});

describe('who may meet the candidate', () => {
  it('is said by forced units, which are not counted, and by eligibility', async () => {
    const forced = [{ unit: 'tester', arm: 'candidate' }];
    const { id } = await start({ weight: 0.000001, forced, eligibility: 'context.plan == "free"' });
    const tester = await fleet.run('letters', 'tester');
    expect(decision(tester)).toMatchObject({ source: 'forced', versionId: blind });
    const { revision } = (await fleet.client.rollouts.get('letters')) ?? expect.fail();
    await fleet.client.rollouts.patch('letters', { revision, weight: '0.999999' });
    const paying = await fleet.run('letters', 'p', { routingContext: { resourceId: 'p', plan: 'paid' } });
    expect(decision(paying)).toMatchObject({ source: 'stable', because: 'ineligible', versionId: stable });
    const free = await fleet.run('letters', 'f', { routingContext: { resourceId: 'f', plan: 'free' } });
    expect(decision(free)).toMatchObject({ source: 'segments', versionId: blind });
    const { items } = await eventually('the unit is measured', async () => {
      const page = await fleet.client.rollouts.observations('letters', { rolloutId: id, metric: 'error' });
      return page.items.length > 0 ? page : undefined;
    });
    expect(items.map(({ runId }) => runId)).toEqual([free.runId]);
  });

  it('is changed from the command line: pins join those that are there, and nobody faster is run over', async () => {
    const change = (...options: string[]) => skein(fleet.stack, 'rollout', 'change', 'letters', ...options);
    const before = (await fleet.client.rollouts.get('letters')) ?? expect.fail();
    const added = await change('--pin', 'guest=candidate@2h', '--run-policy', 'abort', '--json');
    expect([added.exitCode, added.stderr]).toEqual([0, '']);
    const after = JSON.parse(added.stdout) as RolloutInfo;
    expect(after).toMatchObject({ revision: before.revision + 1, runPolicy: 'abort', onNoData: before.onNoData });
    expect(after.forced).toEqual([
      { unit: 'tester', arm: 1 },
      { unit: 'guest', arm: 1, until: expect.any(Number) },
    ]);
    const unfree = { resourceId: 'guest', plan: 'paid' };
    const guest = await fleet.run('letters', 'guest', { routingContext: unfree });
    expect(decision(guest)).toMatchObject({ source: 'forced', versionId: blind });
    const late = await change('--pin', 'other=stable', '--revision', String(before.revision));
    expect([late.exitCode, late.stdout]).toEqual([1, '']);
    expect(late.stderr).toContain(`it is active at revision ${after.revision} now`);
    const unknown = await change('--pin', 'other=candidat');
    expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('candidate')]);
    expect((await change('--unpin', 'guest')).exitCode).toBe(0);
    const { forced } = (await fleet.client.rollouts.get('letters')) ?? expect.fail();
    expect(forced).toEqual([{ unit: 'tester', arm: 1 }]);
    const again = await fleet.run('letters', 'guest', { routingContext: unfree });
    expect(decision(again)).toMatchObject({ source: 'stable', because: 'ineligible', versionId: stable });
  });

  it('is nobody while the agent is frozen', async () => {
    const free = { routingContext: { resourceId: 'f', plan: 'free' } };
    expect((await skein(fleet.stack, 'rollout', 'freeze', 'letters', '--reason', 'incident')).exitCode).toBe(0);
    expect(decision(await fleet.run('letters', 'f', free))).toMatchObject({ source: 'frozen', versionId: stable });
    expect((await skein(fleet.stack, 'rollout', 'unfreeze', 'letters')).exitCode).toBe(0);
    expect(decision(await fleet.run('letters', 'f', free))).toMatchObject({ source: 'segments', versionId: blind });
    await fleet.client.rollouts.cancel('letters');
  });
});

describe('a version that is activated by hand while a rollout lives', () => {
  it('ends it in the same transaction, by command and by apply --activate (I6)', async () => {
    const first = await start();
    const { exitCode } = await skein(fleet.stack, 'versions', 'activate', 'letters', blind);
    expect(exitCode).toBe(0);
    expect(await fleet.client.rollouts.read(first.id)).toMatchObject({
      status: 'cancelled',
      statusReason: 'superseded',
    });
    expect(await fleet.activeVersion('letters')).toBe(blind);
    const second = await start({ candidateVersionId: stable });
    const forget = fleet.teach('letters', words.wide);
    const applied = await skein(fleet.stack, 'apply', fleet.folder, '--activate');
    forget();
    expect([applied.exitCode, applied.stderr]).toEqual([0, '']);
    expect(await fleet.client.rollouts.read(second.id)).toMatchObject({
      status: 'cancelled',
      statusReason: 'superseded',
    });
    expect([stable, blind]).not.toContain(await fleet.activeVersion('letters'));
    expect(decision(await fleet.run('letters', 'later')).source).toBe('active');
  });
});
