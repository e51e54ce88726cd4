import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDomainError, type RolloutRecord, type RolloutStatus } from '@skein/domain';
import type { Random, RolloutChange } from '@skein/ports';
import {
  changeTo,
  createMemoryLog,
  createMemoryStores,
  createNodeHasher,
  createSeededRandom,
  createSequenceIds,
  creating,
  exposing,
  FakeClock,
  publishTwo,
  rolloutOf,
  type StoresUnderTest,
  valueOf,
} from '@skein/testkit';
import { expect, test } from 'vitest';
import { openSqlStores } from '../open-sql-stores.ts';

type Operation = (stores: StoresUnderTest) => Promise<unknown>;

const agents = ['triage', 'writer'];
const statuses: readonly RolloutStatus[] = [
  'draft',
  'active',
  'active',
  'paused',
  'completed',
  'rolled_back',
  'cancelled',
];

/** How often each answer was given, over all seeds. */
const counts = new Map<string, number>();

/** What a call came to: its answer, or the code of its error. */
const outcomeOf = async (operation: Operation, stores: StoresUnderTest): Promise<unknown> => {
  try {
    return await operation(stores);
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return error.code;
  }
};

/** All that can be read. */
const stateOf = async ({ rollouts, projects }: StoresUnderTest): Promise<unknown> => ({
  list: await rollouts.list('default', undefined, 0, 0),
  live: await rollouts.listLive('default'),
  tended: await rollouts.listTended(),
  events: await rollouts.readEvents('default', 0, 999),
  freezes: await rollouts.listFreezes('default'),
  revision: await projects.revision('default'),
  agents: await projects.listAgents('default'),
  rolledBack: await Promise.all(agents.map((agentId) => rollouts.rolledBack('default', agentId))),
  units: await Promise.all([0, 1, 2].map((id) => rollouts.readUnits('default', `rol_${id}`, 0, 99))),
  tallies: await Promise.all([0, 1, 2].map((id) => rollouts.readTallies('default', `rol_${id}`))),
  evidence: await Promise.all([0, 1, 2].map((id) => rollouts.loadEvidence('default', `rol_${id}`))),
  runs: await rollouts.unitsOfRun('default', 'run_3'),
});

/** Operations that often fit what is there, and often do not. */
const createOperations = (
  random: Random,
  versionsOf: (agentId: string) => { readonly stable: string; readonly candidate: string },
): (() => Operation) => {
  const pick = <T>(items: readonly T[]): T => items[random.integer(items.length)] as T;
  const known = new Map<string, RolloutRecord>();
  let step = 0;
  const change = (id: string): RolloutChange => {
    const agentId = pick(agents);
    const { stable, candidate } = versionsOf(agentId);
    const pair = random.integer(2) === 0 ? { stable, candidate } : { stable: candidate, candidate: stable };
    const before = known.get(id) ?? rolloutOf(pair, { id, agentId, revision: 0, createdAt: random.integer(9) });
    const status = pick(statuses);
    const ended = status === 'completed' || status === 'rolled_back' || status === 'cancelled';
    const { policyPending: _, completedAt: _at, ...rest } = before;
    const record: RolloutRecord = {
      ...rest,
      status,
      updatedAt: step,
      revision: before.revision + 1 + (random.integer(8) === 0 ? random.integer(3) - 1 : 0),
      ...(ended ? { completedAt: before.completedAt ?? step } : {}),
      ...(status === 'rolled_back' && random.integer(2) === 0 ? { policyPending: true } : {}),
    };
    const activates =
      random.integer(4) === 0 ? { activates: { versionId: pair.candidate, expected: pair.stable } } : {};
    return { ...changeTo(record), ...activates };
  };
  const learn = (next: RolloutChange, status: string): void => {
    if (status === 'inserted' || status === 'updated') known.set(next.record.id, next.record);
  };
  return () => {
    step += 1;
    // Rollouts end for good: later steps have others.
    const id = `rol_${Math.floor(step / 30) + random.integer(4)}`;
    const next = change(id);
    const { agentId } = next.record;
    const { stable, candidate } = versionsOf(agentId);
    const version = pick([stable, candidate, 'sha256:unknown']);
    const ends = random.integer(2) === 0 ? next : undefined;
    const [seq, unit, runId] = [1 + random.integer(6), random.integer(8), `run_${random.integer(5)}`];
    const at = step;
    const rolloutId = `rol_${random.integer(3)}`;
    const name = `run_${step}_x`;
    const state = pick(['ended', 'void'] as const);
    const value = pick([null, 1, 0.5]);
    const metric = pick(['error', 'cost']);
    const frozen = random.integer(2) === 0 ? { agentId, by: 'x', reason: '', at } : undefined;
    const expectedVersion = random.integer(4);
    const exposures = [exposing(unit, { rolloutId, runId, at })];
    return pick<Operation>([
      async ({ rollouts }) => {
        const outcome = await rollouts.insert({ ...next, record: { ...next.record, revision: 1 } });
        learn({ ...next, record: { ...next.record, revision: 1 } }, outcome.status);
        return outcome;
      },
      async ({ rollouts }) => {
        const outcome = await rollouts.update(next);
        learn(next, outcome.status);
        return outcome;
      },
      async ({ rollouts }) => {
        const outcome = await rollouts.update(next);
        learn(next, outcome.status);
        return outcome;
      },
      ({ projects }) => projects.activate('default', agentId, version, ends),
      ({ rollouts }) => rollouts.setFreeze('default', agentId, frozen),
      ({ runs }) => runs.append({ ...creating(name), exposures, tallies: [{ rolloutId, kind: 'routed' }] }),
      ({ rollouts }) => rollouts.endUnits('default', [{ rolloutId, seq, state, at }]),
      ({ rollouts }) => rollouts.recordValues('default', [valueOf(seq, metric, value, rolloutId)]),
      ({ rollouts }) =>
        rollouts.saveEvidence('default', rolloutId, expectedVersion, { format: 1, settledSeq: step, streams: [] }),
    ]);
  };
};

test.each([1, 2, 3, 4, 5, 6])(
  '[defect 5] in memory and in SQL the same calls have the same answers and leave the same (seed %i)',
  async (seed) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'skein-same-'));
    const clock = new FakeClock();
    const hasher = createNodeHasher();
    const sql = await openSqlStores({ dataDir, clock, hasher, ids: createSequenceIds(72), log: createMemoryLog() });
    const memory = createMemoryStores({ clock, hasher });
    const versions = new Map<string, { readonly stable: string; readonly candidate: string }>();
    for (const agentId of agents) {
      versions.set(agentId, await publishTwo(memory, agentId));
      expect(await publishTwo(sql, agentId)).toEqual(versions.get(agentId));
    }
    const next = createOperations(createSeededRandom(seed), (agentId) => {
      const found = versions.get(agentId);
      if (found === undefined) throw new Error(agentId);
      return found;
    });
    for (let step = 0; step < 250; step += 1) {
      const operation = next();
      const expected = await outcomeOf(operation, memory);
      expect(await outcomeOf(operation, sql), `step ${step}`).toEqual(expected);
      const told =
        typeof expected === 'object' && expected !== null && 'status' in expected
          ? String(expected.status)
          : String(expected);
      counts.set(told, (counts.get(told) ?? 0) + 1);
      if (step % 25 === 24) expect(await stateOf(sql), `after step ${step}`).toEqual(await stateOf(memory));
    }
    await sql.close();
    await rm(dataDir, { recursive: true, force: true });
  },
);

test('the calls met answers of every kind', () => {
  for (const answer of [
    'inserted',
    'updated',
    'conflict',
    'stale',
    'version_conflict',
    'not_found',
    'true',
    'false',
    '1',
    '0',
  ]) {
    expect(counts.get(answer) ?? 0, answer).toBeGreaterThan(0);
  }
});
