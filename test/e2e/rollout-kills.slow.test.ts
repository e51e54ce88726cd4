import { createSeededRandom } from '@skein/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { treeOf } from './core-waits.ts';
import { GivenTime, shortestOf } from './given-time.ts';
import { RolloutFleet, sorter, words } from './rollout-fleet.ts';
import { eventually, signal } from './stack.ts';

const random = createSeededRandom(11);
const rounds = { evidence: 1, promote: 3 };
let fleet: RolloutFleet;
let blind: string;

beforeAll(async () => {
  fleet = await RolloutFleet.start({
    ...sorter('letters'),
    ...sorter('parcels'),
    ...sorter('posted', 'scorers:\n  - { id: human, type: posted }\n'),
  });
  blind = await fleet.publish('letters', words.blind);
});

afterAll(async () => {
  const { left } = await fleet.stop();
  expect(left).toEqual([]);
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const canary = { type: 'canary', weight: 0.5, steps: [], alpha: 0.05, force: true, reason: 'kills' } as const;

const coordinator = (): number => fleet.stack.processOf('coordinator')?.pid ?? -1;

/** `kill -9` of the coordinator; resolves when the next one answers. */
const kill = async (before: number = coordinator()): Promise<void> => {
  signal(before, 'SIGKILL');
  await eventually('another coordinator answers', async () => {
    const now = fleet.stack.processOf('coordinator')?.pid;
    if (now === undefined || now === before) return false;
    return (await fleet.stack.call('GET', '/api/agents').catch(() => undefined))?.status === 200;
  });
};

/** What happened to a rollout, in order. */
const movesOf = async (rolloutId: string): Promise<readonly string[]> =>
  (await fleet.client.rollouts.events({ limit: 1_000 })).items
    .filter((event) => event.rolloutId === rolloutId)
    .map(({ revision, type }) => `${revision} ${type}`);

describe('a coordinator that is killed between evidence and action', () => {
  it('while values of a worse version come in: the version is taken back once, and no value is lost or doubled', async () => {
    for (let round = 0; round < rounds.evidence; round += 1) {
      const { id } = await fleet.client.rollouts.start('letters', { ...canary, candidateVersionId: blind });
      const instant = 8 + Math.floor(random.next() * 20);
      let ended = 0;
      const driving = fleet.driveToEnd('letters', id);
      await eventually('the instant of the kill', async () => {
        const page = await fleet.client.rollouts.observations('letters', {
          rolloutId: id,
          metric: 'score:right',
          limit: 500,
        });
        ended = page.items.length;
        return ended >= instant;
      });
      await kill();
      const { rollout } = await driving;
      expect([rollout.status, await movesOf(id)]).toEqual(['rolled_back', ['1 created', '2 rolled_back']]);
      const { items } = await fleet.client.rollouts.observations('letters', {
        rolloutId: id,
        metric: 'score:right',
        limit: 500,
      });
      expect(items.length).toBeGreaterThanOrEqual(ended);
      expect(new Set(items.map(({ unit }) => unit)).size).toBe(items.length);
      expect(items.every(({ arm, value }) => value === (arm === 1 ? 0 : 1))).toBe(true);
    }
  });

  it('after the value that decides was written: within 2 s of the restart it acts, although nobody touches it [g12.16]', async () => {
    const candidateVersionId = await fleet.publish('posted', words.blind);
    const took = await shortestOf(2_000, async () => {
      const { id } = await fleet.client.rollouts.start('posted', {
        ...canary,
        candidateVersionId,
        rules: [{ metric: 'score:human' }],
      });
      const runs = await fleet.drive('posted', id, 60);
      const post = (run: (typeof runs)[number]) =>
        fleet.client.scores.post(run.runId, { scorer: 'human', value: run.agents['posted']?.arm === 1 ? 0 : 1 });
      await Promise.all(runs.map(post));
      await kill();
      const restarted = new GivenTime(() => treeOf(fleet.stack.pid));
      await eventually('it is taken back', async () => (await fleet.client.rollouts.read(id)).status === 'rolled_back');
      restarted.stop();
      expect(await movesOf(id)).toEqual(['1 created', '2 rolled_back']);
      return restarted.ms;
    });
    expect(took).toBeLessThan(2_000);
  }, 600_000);
});

describe('a coordinator that is killed right after it answered a rollback', () => {
  it('keeps it: the record is the same, a second rollback changes nothing, and runs get the stable version (I3, I7)', async () => {
    await fleet.client.rollouts.start('letters', { ...canary, candidateVersionId: blind });
    const answered = await fleet.client.rollouts.rollback('letters', { reason: 'complaints' });
    await kill();
    const kept = await fleet.client.rollouts.read(answered.id);
    expect([kept.status, kept.revision, kept.completedAt]).toEqual(['rolled_back', 2, answered.completedAt]);
    expect(await fleet.client.rollouts.rollback('letters', { rolloutId: answered.id })).toMatchObject({ revision: 2 });
    const runs = await fleet.drive('letters', 'after-rollback', 12);
    expect(runs.map((run) => run.agents['letters'])).toEqual(
      runs.map(() => ({ versionId: kept.stableVersionId, source: 'active' })),
    );
    expect(await movesOf(answered.id)).toEqual(['1 created', '2 rolled_back']);
  });
});

describe('a coordinator that is killed while it promotes', () => {
  it('leaves both the rollout and the active version as they were, or both changed (I4)', async () => {
    const wide = await fleet.publish('parcels', words.wide);
    const stable = (await fleet.activeVersion('parcels')) ?? '';
    const ends: string[] = [];
    for (let round = 0; round < rounds.promote; round += 1) {
      const from = (await fleet.activeVersion('parcels')) ?? '';
      const candidateVersionId = from === wide ? stable : wide;
      const { id } = await fleet.client.rollouts.start('parcels', { ...canary, candidateVersionId });
      const pid = coordinator();
      const promoting = fleet.stack
        .call('POST', '/api/agents/parcels/rollout/promote', { revision: 1, reason: 'good' })
        .catch(() => undefined);
      await pause(random.next() * 15);
      await kill(pid);
      await promoting;
      const { status, revision } = await fleet.client.rollouts.read(id);
      ends.push(status);
      expect([status, revision, await fleet.activeVersion('parcels')]).toEqual(
        status === 'completed' ? ['completed', 2, candidateVersionId] : ['active', 1, from],
      );
      if (status === 'active') await fleet.client.rollouts.promote('parcels', { revision: 1 });
      expect(await fleet.activeVersion('parcels')).toBe(candidateVersionId);
      expect(await movesOf(id)).toEqual(['1 created', '2 promoted']);
    }
    console.log(`killed while promoting: ${ends.join(', ')}`);
  });
});
