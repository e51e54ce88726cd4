import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { agentStep } from '../../test/agent-run.ts';
import type { AgentDecision, Dag, RunCommand, RunState } from '../index.ts';
import {
  createRunState,
  decide,
  decodeRunState,
  encodeFact,
  encodeRunState,
  evolve,
  evolveAll,
  findTarget,
  heldSnapshots,
  maxFactBytes,
  planRun,
  versionsOfStep,
} from '../index.ts';

const candidate: AgentDecision = { versionId: 'sha256:bb', source: 'segments', rolloutId: 'rol_1', arm: 1 };
const stable: AgentDecision = { versionId: 'sha256:aa', source: 'stable', rolloutId: 'rol_1', arm: 0 };
const agentOf = (id: string, fields: Parameters<typeof stepOf>[1] = {}) => ({ ...agentStep(id), ...fields });

/** A run of a DAG that is admitted on the candidate. */
const admitted = (dag: Dag): RunState => {
  const state = createRunState('default', 'run_1', dag);
  const submit = { type: 'submit', dagDigest: 'sha256:00', params: {}, routingContext: {}, priority: 0 } as const;
  run(state, { ...submit, source: { kind: 'api' } });
  run(state, { type: 'admit', agents: { triager: candidate, other: candidate }, snapshotDigest: 'sha256:old' });
  return state;
};

const run = (state: RunState, command: RunCommand): number => {
  const decision = decide(state, command, 1_000);
  if (!decision.ok) throw decision.error;
  for (const fact of decision.value) {
    expect(encodeFact(fact).length).toBeLessThanOrEqual(maxFactBytes);
    evolve(state, fact);
  }
  for (let plan = planRun(state, 1_000); plan.facts.length > 0; plan = planRun(state, 1_000))
    evolveAll(state, plan.facts);
  return decision.value.length;
};

const lease = (state: RunState, step: string): void => {
  run(state, { type: 'lease', step, workerId: 'wrk_1', sessionId: 'ses_1' });
};

const migrate = (state: RunState, changes: Partial<Extract<RunCommand, { readonly type: 'migrate' }>> = {}): number =>
  run(state, {
    type: 'migrate',
    rolloutId: 'rol_1',
    agentId: 'triager',
    agents: { triager: stable, other: candidate },
    snapshotDigest: 'sha256:new',
    ...changes,
  });

const end = (state: RunState, step: string): void => {
  const target = findTarget(state, step)?.target;
  const token = target?.lease?.token ?? 0;
  const outcome = { status: 'succeeded' } as const;
  const result = { runId: 'run_1', step, attempt: target?.attempt ?? 0, token, outcome, outputs: {}, durationMs: 1 };
  run(state, { type: 'finish', workerId: 'wrk_1', result });
};

const usedBy = (state: RunState, step: string): readonly [string | undefined, string | undefined] => {
  const { agents, snapshotDigest } = versionsOfStep(state, step);
  return [agents['triager']?.versionId, snapshotDigest];
};

const before = ['sha256:bb', 'sha256:old'] as const;
const after = ['sha256:aa', 'sha256:new'] as const;

describe('a migrated run (I8)', () => {
  it('keeps for a step that is out, or was begun and lost, what it began with, and gives all others the new versions', () => {
    const state = admitted(
      dagOf([agentOf('out'), agentOf('lost'), agentOf('fresh'), agentOf('refused'), stepOf('shell')]),
    );
    for (const step of ['out', 'lost', 'refused', 'shell']) lease(state, step);
    const lose = (step: string, started: boolean): void => {
      const token = findTarget(state, step)?.target.lease?.token ?? 0;
      run(state, { type: 'lose', step, token, reason: started ? 'worker_exited' : 'refused', started });
    };
    lose('lost', true);
    lose('refused', false);
    expect(migrate(state)).toBe(1);
    expect(usedBy(state, 'out')).toEqual(before);
    expect(usedBy(state, 'lost')).toEqual(before);
    expect(usedBy(state, 'fresh')).toEqual(after);
    expect(usedBy(state, 'refused')).toEqual(after);
    expect(state.migrations?.[0]?.begun).toEqual({ out: 0, lost: 0 });
    expect(state.agents['triager']).toEqual(stable);
  });

  it('is migrated once by a rollout, and not at all before it is admitted or after it is over', () => {
    const state = admitted(dagOf([agentOf('a')]));
    expect(migrate(state)).toBe(1);
    expect(migrate(state)).toBe(0);
    lease(state, 'a');
    end(state, 'a');
    expect(migrate(state, { rolloutId: 'rol_2' })).toBe(0);
    const queued = createRunState('default', 'run_1', dagOf([agentOf('a')]));
    const submit = { type: 'submit', dagDigest: 'sha256:00', params: {}, routingContext: {}, priority: 0 } as const;
    run(queued, { ...submit, source: { kind: 'api' } });
    expect(migrate(queued)).toBe(0);
  });

  it('refuses versions that another rollout changed since they were read', () => {
    const state = admitted(dagOf([agentOf('a')]));
    migrate(state);
    const stale = { rolloutId: 'rol_2', agentId: 'other', agents: { triager: candidate, other: stable } };
    expect(() => migrate(state, stale)).toThrow('changed meanwhile');
    expect(migrate(state, { ...stale, agents: { triager: stable, other: stable } })).toBe(1);
  });

  it('needs the old snapshot until the last begun step has settled, and none when the run is over', () => {
    const state = admitted(dagOf([agentOf('a'), agentOf('b'), agentOf('c', { depends: ['a', 'b'] })]));
    lease(state, 'a');
    lease(state, 'b');
    expect(heldSnapshots(state)).toEqual([]);
    migrate(state);
    expect(heldSnapshots(state)).toEqual(['sha256:old']);
    end(state, 'a');
    expect(heldSnapshots(state)).toEqual(['sha256:old']);
    end(state, 'b');
    expect(heldSnapshots(state)).toEqual([]);
    lease(state, 'c');
    migrate(state, { rolloutId: 'rol_2', snapshotDigest: 'sha256:newest' });
    expect(heldSnapshots(state)).toEqual(['sha256:new']);
    end(state, 'c');
    expect(state.status).toBe('succeeded');
    expect(heldSnapshots(state)).toEqual([]);
  });

  it('names items one by one, and a fan-out as a whole when very many of its items began', () => {
    for (const [leased, expected] of [
      [2, ['f[0]', 'f[1]']],
      [3_000, ['f']],
    ] as const) {
      const foreach = { items: Array.from({ length: 4_000 }, (_, at) => at), maxConcurrent: 4_000 };
      const state = admitted(dagOf([agentOf('f', { foreach })]));
      run(state, { type: 'expand', step: 'f', count: 4_000, items: { inline: foreach.items } });
      for (let index = 0; index < leased; index += 1) lease(state, `f[${index}]`);
      migrate(state);
      expect(Object.keys(state.migrations?.[0]?.begun ?? {})).toEqual(expected);
      expect(usedBy(state, 'f[0]')).toEqual(before);
      expect(usedBy(state, 'f[3999]')).toEqual(leased === 2 ? after : before);
      expect(heldSnapshots(state)).toEqual(['sha256:old']);
    }
  });

  it('is the same after a checkpoint; a state without migrations is written as before', () => {
    const dag = dagOf([agentOf('a'), agentOf('b', { depends: ['a'] })]);
    const state = admitted(dag);
    lease(state, 'a');
    expect(JSON.parse(encodeRunState(state))).toMatchObject({ formatVersion: 4 });
    expect(decodeRunState(encodeRunState(state), dag).migrations).toBeUndefined();
    migrate(state);
    const text = encodeRunState(state);
    expect(JSON.parse(text)).toMatchObject({ formatVersion: 5 });
    const read = decodeRunState(text, dag);
    expect(usedBy(read, 'a')).toEqual(before);
    expect(usedBy(read, 'b')).toEqual(after);
    expect(heldSnapshots(read)).toEqual(['sha256:old']);
  });
});
