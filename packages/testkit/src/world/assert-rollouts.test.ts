import type { RolloutEvent, RolloutRecord } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { assertRollouts } from './assert-rollouts.ts';
import type { StoreCommit } from './commit-log.ts';
import type { RolloutHistory } from './rollout-history.ts';

const half = 2 ** 31;

const record = (fields: Partial<RolloutRecord> = {}): RolloutRecord =>
  ({
    id: 'rol_1',
    agentId: 'scout',
    status: 'active',
    stableVersionId: 'good',
    arms: [
      { versionId: 'good', label: 'stable', parts: half },
      { versionId: 'bad', label: 'candidate', parts: half },
    ],
    segments: [
      { lo: 0, hi: half, arm: 0 },
      { lo: half, hi: 2 * half, arm: 1 },
    ],
    rules: [],
    memory: { mode: 'frozen', revision: 0 },
    runPolicy: 'drain',
    revision: 1,
    epoch: 1,
    epochs: [],
    ...fields,
  }) as unknown as RolloutRecord;

const written = (order: number, type: RolloutEvent['type'], fields: Partial<RolloutRecord> = {}): StoreCommit => {
  const now = record(fields);
  const event = { rolloutId: now.id, revision: now.revision, type } as unknown as RolloutEvent;
  return { order, kind: 'written', record: now, event };
};

const admitted = (order: number, runId: string, position: number, revision = 1): StoreCommit => {
  const arm = position < half ? 0 : 1;
  const decision = {
    versionId: arm === 0 ? 'good' : 'bad',
    source: 'segments',
    rolloutId: 'rol_1',
    revision,
    epoch: 1,
    arm,
    position,
  };
  const agents = { scout: { ...decision, unit: `unit ${position}` } } as never;
  return { order, kind: 'appended', runId, exposures: [], facts: [{ type: 'run_admitted', v: 1, at: 0, agents }] };
};

const historyOf = (commits: readonly StoreCommit[], received?: readonly number[]): RolloutHistory => {
  const writes = commits.filter((commit) => commit.kind === 'written');
  const events = writes.map(({ event }, index) => ({ ...event, seq: index + 1 }));
  const last = writes.at(-1)?.record;
  const seqs = received ?? events.map(({ seq }) => seq);
  return {
    commits,
    rollouts: last === undefined ? [] : [{ record: last, units: [] }],
    events,
    received: { receiver: seqs.map((seq) => ({ rolloutId: 'rol_1', seq })) },
    runs: [],
    played: [],
    sampler: () => true,
  };
};

const ended = { status: 'rolled_back', revision: 2 } as const;
const sound = [written(1, 'created'), admitted(2, 'run_1', half), written(3, 'rolled_back', ended)];

describe('the oracle of rollouts', () => {
  test('says nothing of a sound history', () => {
    expect(() => assertRollouts(historyOf(sound))).not.toThrow();
  });

  test.each<[string, string, readonly StoreCommit[]]>([
    ['an admission after the rollback', 'I7:', [...sound, admitted(4, 'run_2', half)]],
    ['an admission against the segments', 'I7:', [written(1, 'created'), admitted(2, 'run_1', half, 7)]],
    [
      'a revision that is left out',
      'I2:',
      [written(1, 'created'), written(2, 'paused', { status: 'paused', revision: 3 })],
    ],
    ['a terminal rollout that changes', 'I3:', [...sound, written(4, 'resumed', { revision: 3 })]],
    [
      'a write that undoes another',
      'does not follow from what was written',
      [written(1, 'created'), written(2, 'paused', { status: 'paused', revision: 2, runPolicy: 'abort' })],
    ],
    [
      'two that are live at once',
      'I1:',
      [{ order: 1, kind: 'moment', live: [record(), record({ id: 'rol_2' })], active: { scout: 'good' } }],
    ],
    [
      'a stable version that is not active',
      'I4:',
      [{ order: 1, kind: 'moment', live: [record()], active: { scout: 'bad' } }],
    ],
    [
      'a winner that is not active',
      'I4:',
      [written(1, 'created'), written(2, 'promoted', { status: 'completed', revision: 2, winner: 1 })],
    ],
  ])('sees %s', (_name, telltale, commits) => {
    expect(() => assertRollouts(historyOf(commits))).toThrow(telltale);
  });

  test('sees an event that never came, and one that came too early', () => {
    expect(() => assertRollouts(historyOf(sound, [1]))).toThrow('event 2 never came');
    expect(() => assertRollouts(historyOf(sound, [2, 1]))).toThrow('event 2 came first after 0');
    expect(() => assertRollouts(historyOf(sound, [1, 1, 2, 1]))).not.toThrow();
  });
});
