import type { AgentDecision, RolloutEvent, RolloutRecord, RolloutUnit, RunFact } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { dagOf, stepOf } from '../fixtures/dag-fixtures.ts';
import { assertRollouts } from './assert-rollouts.ts';
import type { StoreCommit } from './commit-log.ts';
import type { PlayedStep, RolloutHistory } from './rollout-history.ts';

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

/** What a run was sent to. */
const sentTo = (arm: number, fields: Partial<AgentDecision> = {}): AgentDecision => ({
  versionId: arm === 0 ? 'good' : 'bad',
  source: 'segments',
  rolloutId: 'rol_1',
  revision: 1,
  epoch: 1,
  arm,
  position: arm === 0 ? 0 : half,
  unit: `unit of arm ${arm}`,
  ...fields,
});

const appended = (order: number, runId: string, ...facts: readonly object[]): StoreCommit => ({
  order,
  kind: 'appended',
  runId,
  exposures: [],
  facts: facts.map((fact) => ({ v: 1, at: 0, ...fact }) as unknown as RunFact),
});

const sends = (order: number, runId: string, decision: AgentDecision): StoreCommit =>
  appended(order, runId, { type: 'run_admitted', agents: { scout: decision } });

const exposes = (order: number, runId: string, arm: number): StoreCommit => ({
  ...(appended(order, runId, { type: 'step_leased', step: 'look' }) as Extract<StoreCommit, { kind: 'appended' }>),
  exposures: [{ rolloutId: 'rol_1', unit: `hash ${runId}`, arm, epoch: 1, at: 0, runId }],
});

const ends = (order: number, seq: number): readonly StoreCommit[] => [
  { order, kind: 'ended', ends: [{ rolloutId: 'rol_1', seq, state: 'ended', at: 0 }] },
  { order, kind: 'valued', values: [{ rolloutId: 'rol_1', metric: 'error', seq, value: 0, at: 0 }] },
];

const unit = (seq: number, runId: string, arm: number, fields: Partial<RolloutUnit> = {}): RolloutUnit => ({
  seq,
  unit: `hash ${runId}`,
  arm,
  epoch: 1,
  at: seq,
  runId,
  state: 'ended',
  values: { error: 0 },
  ...fields,
});

const look = stepOf('look', {
  action: {
    kind: 'agent',
    agent: 'scout',
    prompt: 'Look.',
    limits: {},
    memory: { read: true, propose: true },
  },
});

/** A history with these units at its end; each run has one step of the agent. */
const observed = (commits: readonly StoreCommit[], units: readonly RolloutUnit[]): RolloutHistory => {
  const history = historyOf(commits);
  const runIds = [...new Set(commits.flatMap((commit) => (commit.kind === 'appended' ? [commit.runId] : [])))];
  return {
    ...history,
    rollouts: history.rollouts.map((end) => ({ ...end, units })),
    runs: runIds.map((runId) => ({
      runId,
      dag: dagOf([look]),
      facts: commits.flatMap((commit) => (commit.kind === 'appended' && commit.runId === runId ? commit.facts : [])),
    })),
  };
};

describe('the oracle of units', () => {
  const [candidate, stable] = ['run_1', 'run_2'];
  const commits = [
    written(1, 'created'),
    sends(2, candidate, sentTo(1)),
    sends(3, stable, sentTo(0)),
    exposes(4, candidate, 1),
    exposes(5, stable, 0),
    ...ends(6, 1),
    ...ends(7, 2),
  ];
  const units = [unit(1, candidate, 1), unit(2, stable, 0)] as const;
  const [first, second] = units;

  test('says nothing of units that are what was exposed', () => {
    expect(() => assertRollouts(observed(commits, units))).not.toThrow();
  });

  const without = (order: number): readonly StoreCommit[] => commits.filter((commit) => commit.order !== order);
  const instead = (order: number, other: StoreCommit): readonly StoreCommit[] => [
    ...commits.slice(0, order - 1),
    other,
    ...commits.slice(order),
  ];
  const over = written(8, 'cancelled', { status: 'cancelled', revision: 2 });

  test.each<[string, string, readonly StoreCommit[], readonly RolloutUnit[]]>([
    ['a unit that is lost', 'has 1 units, 2 were exposed', commits, [first]],
    ['a unit of nobody', 'has 2 units, 1 were exposed', without(5), units],
    [
      'a unit after the end',
      'has 3 units, 2 were exposed',
      [...commits, over, sends(9, 'run_3', sentTo(0, { source: 'retry', unit: 'late' })), exposes(10, 'run_3', 0)],
      [...units, unit(3, 'run_3', 0)],
    ],
    ['a unit in another arm', 'unit 1 is not what was exposed', commits, [{ ...first, arm: 0 }, second]],
    ['a unit of another run', 'unit 1 is not what was exposed', commits, [{ ...first, runId: stable }, second]],
    ['an end that is undone', 'unit 1 is not what was exposed', commits, [{ ...first, state: 'void' }, second]],
    [
      'a unit of a run that a person sent',
      'was not sent by segments',
      instead(2, sends(2, candidate, sentTo(1, { source: 'forced' }))),
      units,
    ],
    [
      'a unit in an arm to which its run was not sent',
      'is not in the arm of run',
      instead(4, exposes(4, candidate, 0)),
      [{ ...first, arm: 0 }, second],
    ],
    [
      'a unit that is counted twice',
      'is counted twice, as 1 and 2',
      instead(3, sends(3, stable, sentTo(0, { unit: 'unit of arm 1' }))),
      units,
    ],
    [
      'a unit whose run is over and that is open',
      'is still open',
      commits.slice(0, -2),
      [first, { ...second, state: 'open' }],
    ],
    ['a unit that was never measured', 'ended without a value', commits, [first, { ...second, values: {} }]],
    [
      'a value that changed',
      'error of unit 2 was written twice',
      commits,
      [first, { ...second, values: { error: 1 } }],
    ],
    [
      'a run that met its arm and is nowhere',
      'was exposed and not counted',
      [
        ...commits,
        sends(8, 'run_3', sentTo(0, { unit: 'unseen' })),
        appended(9, 'run_3', { type: 'step_leased', step: 'look' }),
      ],
      units,
    ],
  ])('sees %s', (_name, telltale, changed, held) => {
    expect(() => assertRollouts(observed(changed, held))).toThrow(telltale);
  });
});

describe('the oracle of versions that runs use', () => {
  const bad = sentTo(1);
  const good = sentTo(0, { because: 'migrated', source: 'stable' });
  const submitted = (order: number, runId: string, source: object) =>
    appended(order, runId, { type: 'run_submitted', source });
  const migrated = (order: number, agents: { readonly [agentId: string]: AgentDecision }) =>
    appended(order, 'run_1', { type: 'run_migrated', rolloutId: 'rol_1', agentId: 'scout', agents });
  const back = { status: 'rolled_back', revision: 2 } as const;
  const before = [written(1, 'created', { runPolicy: 'migrate' }), sends(2, 'run_1', bad)];
  const rolledBack = [...before, written(3, 'rolled_back', { ...back, runPolicy: 'migrate' })];
  const guide = { versionId: 'guide-1', source: 'active' } as const;

  test('says nothing of a run that is moved to the stable version once', () => {
    expect(() => assertRollouts(historyOf([...rolledBack, migrated(4, { scout: good })]))).not.toThrow();
  });

  test.each<[string, string, readonly StoreCommit[]]>([
    [
      'a called run that uses another version than its root',
      'I8: run run_2: scout is not the version of its root',
      [...before, submitted(3, 'run_2', { kind: 'call', rootRunId: 'run_1' }), sends(4, 'run_2', sentTo(0))],
    ],
    [
      'a migration while the rollout lives',
      'I8: run run_1 is migrated although',
      [...before, migrated(3, { scout: good })],
    ],
    ['a migration that the policy does not ask for', 'its policy drain', [...sound, migrated(4, { scout: good })]],
    [
      'a migration to the version that was taken back',
      'I8: run run_1 is not migrated to the stable version',
      [...rolledBack, migrated(4, { scout: bad })],
    ],
    [
      'a migration that changes another agent',
      'I8: run run_1: the version of guide changes',
      [...rolledBack, migrated(4, { scout: good, guide })],
    ],
    [
      'a migration that comes twice',
      'I8: run run_1 is migrated twice',
      [...rolledBack, migrated(4, { scout: good }), migrated(5, { scout: good })],
    ],
    [
      'a retry that gets what was taken back',
      'I7: run run_2, scout: a retry gets arm 1',
      [
        ...rolledBack,
        submitted(4, 'run_2', { kind: 'retry', retryOf: 'run_1' }),
        sends(5, 'run_2', sentTo(1, { source: 'retry' })),
      ],
    ],
    [
      'a unit that meets two arms in one epoch',
      'O2: unit unit of arm 1 met arms 1 and 0',
      [...before, sends(3, 'run_2', sentTo(0, { unit: 'unit of arm 1' }))],
    ],
    [
      'a unit that is sent to an arm although its agent is frozen',
      'although the agent is frozen',
      [written(1, 'created'), { order: 2, kind: 'frozen', agentId: 'scout', isFrozen: true }, sends(3, 'run_1', bad)],
    ],
  ])('sees %s', (_name, telltale, commits) => {
    expect(() => assertRollouts(historyOf(commits))).toThrow(telltale);
  });

  test('sees a version that was never chosen for its run (I8)', () => {
    const played = { runId: 'run_1', step: 'look', agentId: 'scout', versionId: 'good', notesOf: [] };
    const playing = (step: PlayedStep): RolloutHistory => ({ ...historyOf(before), played: [step] });
    expect(() => assertRollouts(playing({ ...played, versionId: 'bad' }))).not.toThrow();
    expect(() => assertRollouts(playing(played))).toThrow('I8: run run_1 look is played by a version of scout');
  });
});

describe('the oracle of memory', () => {
  const commits = (mode: 'frozen' | 'forked' | 'shared'): readonly StoreCommit[] => [
    written(1, 'created', { memory: { mode, revision: 0 } }),
    sends(2, 'run_1', sentTo(1)),
    sends(3, 'run_2', sentTo(0)),
    sends(4, 'run_3', sentTo(1)),
    sends(5, 'run_0', sentTo(0, { source: 'active', unit: 'of before' })),
  ];
  const reading = (mode: 'frozen' | 'forked' | 'shared', runId: string, notesOf: readonly string[]): RolloutHistory => {
    const versionId = runId === 'run_2' ? 'good' : 'bad';
    const played = [{ runId, step: 'look', agentId: 'scout', versionId, notesOf }];
    return { ...observed(commits(mode), []), played };
  };

  test('says nothing of what was there before, of an own copy, and of a memory that is shared', () => {
    expect(() => assertRollouts(reading('forked', 'run_1', ['run_0', 'run_3']))).not.toThrow();
    expect(() => assertRollouts(reading('frozen', 'run_1', ['run_0']))).not.toThrow();
    expect(() => assertRollouts(reading('shared', 'run_1', ['run_2', 'run_3']))).not.toThrow();
  });

  test('sees what one arm learned in another one, and what was written into a frozen memory (I9)', () => {
    expect(() => assertRollouts(reading('forked', 'run_1', ['run_2']))).toThrow('I9: run run_1 in arm 1 reads');
    expect(() => assertRollouts(reading('forked', 'run_2', ['run_1']))).toThrow('I9: run run_2 in arm 0 reads');
    expect(() => assertRollouts(reading('frozen', 'run_1', ['run_3']))).toThrow('I9: run run_1 in arm 1 reads');
  });
});
