import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import { createSeededRandom } from '@skein/testkit';
import { expect, test } from 'vitest';
import { type DoomedProcess, doomOneByOne, startDoomed } from '../test/doomed-process.ts';
import { openAfterKill } from '../test/open-after-kill.ts';
import type { SqlStores } from './open-sql-stores.ts';

const seed = 20_261_121;
const rounds = 8;
const agents = ['a', 'b', 'c'];

/**
 * The other process: for three agents, rollouts are started, paused and resumed, promoted, rolled back, and cancelled by an activation,
 * while runs expose units to them. What was acknowledged is printed: the rollout and its revision, or `unit ROLLOUT UNIT`.
 */
const script = `
  const { runs, rollouts, projects } = await openSqlStores(deps);
  const tenant = 'default';
  const note = { type: 'cancel_requested', v: 1, at: 1, by: 'test', reason: 'requested', message: 'x' };
  const change = (before, fields, type, active) => {
    const record = { ...before, ...fields, revision: before.revision + 1 };
    const data = active === undefined ? {} : { active };
    return { record, event: { tenant, rolloutId: record.id, agentId: record.agentId, revision: record.revision, type, at: 1,
      by: { actor: 'x' }, reason: 'requested', explanation: { code: type, decided: '', because: '', next: '', data } } };
  };
  let turns = 0;
  const expose = async (rollout, unit) => {
    const runId = ['run', rollout.id, unit].join('_');
    const head = { tenant, runId, dag: 'demo', dagDigest: 'd', status: 'succeeded', seq: 1, shard: 0, priority: 0, createdAt: 1, finishedAt: 2, partial: false };
    const exposures = [{ rolloutId: rollout.id, unit: 'u' + unit, arm: unit % 2, epoch: 1, at: 1, runId },
      { rolloutId: rollout.id, unit: 'u0', arm: 0, epoch: 1, at: 1, runId }];
    const creation = { source: { kind: 'api' }, routingContext: {} };
    const tallies = [{ rolloutId: rollout.id, kind: 'routed' }];
    await runs.append({ tenant, runId, expectedSeq: 0, facts: [note], head, creation, exposures, tallies });
    say(rollout.id + '.u' + unit + ' 1\\n');
  };
  const tend = async (agentId) => {
    const versions = [1, 2].map((number) => agentId + '.' + number);
    const content = (n) => ({ agentId, description: '', instructions: String(n), model: 'm', skills: {}, tools: 't', limits: {}, subAgents: {} });
    const none = { tenant, dags: [], parts: [], candidates: [], subDags: [], memory: [], at: 1 };
    if ((await projects.activeVersion(tenant, agentId)) === undefined) {
      await projects.publish({ ...none, agents: [{ versionId: versions[1], content: content(2) }], activate: [] });
      await projects.publish({ ...none, agents: [{ versionId: versions[0], content: content(1) }], activate: [agentId] });
    }
    const write = async (next) => {
      const { status } = await rollouts.update(next);
      if (status !== 'updated') throw new Error(status);
      say(next.record.id + ' ' + next.record.revision + '\\n');
      return next.record;
    };
    for (;;) {
      turns += 1;
      const stable = (await projects.activeVersion(tenant, agentId)).versionId;
      const candidate = versions.find((version) => version !== stable);
      let live = (await rollouts.listLive(tenant)).find((record) => record.agentId === agentId);
      if (live === undefined) {
        const id = ['rol', agentId, round, turns].join('_');
        const arms = [stable, candidate].map((versionId) => ({ versionId, parts: 1 }));
        const start = change({ tenant, id, agentId, status: 'active', stableVersionId: stable, arms, epochs: [], createdAt: turns, updatedAt: 1, revision: 0 }, {}, 'created');
        const { status } = await rollouts.insert(start);
        if (status !== 'inserted') throw new Error(status);
        say(id + ' 1\\n');
        live = start.record;
      }
      const begun = live;
      const exposing = [1, 2, 3, 4].map((unit) => expose(begun, turns * 10 + unit));
      live = await write(change(live, { status: 'paused' }, 'paused'));
      live = await write(change(live, { status: 'active' }, 'resumed'));
      const end = (status, type, active) => change(live, { status, completedAt: 2 }, type, active);
      if (turns % 3 === 0) await write({ ...end('completed', 'promoted', candidate), activates: { versionId: candidate, expected: stable } });
      else if (turns % 3 === 1) await write(end('rolled_back', 'rolled_back'));
      else {
        const ends = end('cancelled', 'cancelled', candidate);
        await projects.activate(tenant, agentId, candidate, ends);
        say(ends.record.id + ' ' + ends.record.revision + '\\n');
      }
      await Promise.all(exposing);
    }
  };
  await Promise.all(['a', 'b', 'c'].map(tend));
`;

/** Everything agrees with the events, and what was acknowledged is there. */
const check = async (
  { rollouts, projects }: SqlStores,
  acknowledged: ReadonlyMap<string, number>,
  place: string,
): Promise<void> => {
  const { rollouts: records } = await rollouts.list(tenant, undefined, 0, 0);
  const { events } = await rollouts.readEvents(tenant, 0, 1_000_000);
  expect(
    events.map(({ seq }) => seq),
    `numbers of events ${place}`,
  ).toEqual(events.map((_, index) => index + 1));
  const active = new Map(agents.map((agentId) => [agentId, `${agentId}.1`]));
  for (const { agentId, explanation } of events) {
    const { active: version } = explanation.data as { readonly active?: string };
    if (version !== undefined) active.set(agentId, version);
  }
  for (const agentId of agents) {
    const version = await projects.activeVersion(tenant, agentId);
    if (version !== undefined) expect(version.versionId, `${agentId} ${place}`).toBe(active.get(agentId));
    const live = records.filter((one) => one.agentId === agentId && ['active', 'paused'].includes(one.status));
    expect(live.length, `live rollouts of ${agentId} ${place}`).toBeLessThanOrEqual(1);
    for (const one of live) expect(one.stableVersionId, `${one.id} ${place}`).toBe(active.get(agentId));
  }
  for (const { id, revision, status } of records) {
    const own = events.filter((event) => event.rolloutId === id);
    expect(
      own.map((event) => event.revision),
      `${id} ${place}`,
    ).toEqual(own.map((_, index) => index + 1));
    expect(own.length, `${id} ${place}`).toBe(revision);
    const last = own.at(-1)?.type ?? '';
    const told = { created: 'active', resumed: 'active', paused: 'paused', promoted: 'completed' }[last as 'created'];
    expect(status, `${id} ${place}`).toBe(told ?? last);
    const units = await rollouts.readUnits(tenant, id, 0, 1_000_000);
    expect(
      units.map(({ seq }) => seq),
      `units of ${id} ${place}`,
    ).toEqual(units.map((_, index) => index + 1));
    const { routed = 0 } = await rollouts.readTallies(tenant, id);
    expect(routed, `tallies of ${id} ${place}`).toBe(Math.max(0, units.length - 1));
  }
  for (const [name, revision] of acknowledged) {
    const [id = '', unit] = name.split('.');
    const record = records.find((one) => one.id === id);
    expect(record?.revision, `${id} ${place}`).toBeGreaterThanOrEqual(revision);
    if (unit === undefined) continue;
    const units = await rollouts.readUnits(tenant, id, 0, 1_000_000);
    expect(
      units.map((one) => one.unit),
      `${name} ${place}`,
    ).toContain(unit);
  }
};

test('after kill -9 at any moment active versions agree with the rollouts, revisions and events have no gap, units no hole (I2 I4 I6 O6)', async () => {
  const random = createSeededRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-kill-rollouts-'));
  const visit = async (doomed: DoomedProcess, round: number): Promise<void> => {
    const place = `in round ${round} of seed ${seed}`;
    const { signal, acknowledged } = await doomed.work(random.integer(150));
    expect(signal, place).toBe('SIGKILL');
    expect(acknowledged.size, place).toBeGreaterThan(0);
    const stores = await openAfterKill(dataDir, 8_700 + round);
    await check(stores, acknowledged, place);
    await stores.close();
  };
  await doomOneByOne(rounds, (round) => startDoomed(script, dataDir, round), visit);
  await rm(dataDir, { recursive: true, force: true });
});
