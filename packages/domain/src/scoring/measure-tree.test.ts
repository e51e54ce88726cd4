import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { Dag } from '../dag/dag.ts';
import type { Step } from '../dag/step.ts';
import type { ErrorCode } from '../errors/error-catalog.ts';
import type { RunFact } from '../run/run-fact.ts';
import type { TaskOutcome, Usage } from '../task/task-result.ts';
import { measureTree } from './measure-tree.ts';

const agentStep = (id: string, agent = 'a', fields: Partial<Step> = {}): Step =>
  stepOf(id, {
    action: { kind: 'agent', agent, prompt: 'do', limits: {}, memory: { read: false, propose: false } },
    ...fields,
  });

const usageOf = (fields: Partial<Usage> = {}): Usage => ({
  turns: 1,
  toolCalls: 0,
  inputTokens: 10,
  outputTokens: 5,
  schemaRepairs: 0,
  ...fields,
});

const failed = (code: ErrorCode = 'internal'): TaskOutcome => ({ status: 'failed', error: { code, message: 'no' } });
const good: TaskOutcome = { status: 'succeeded' };

const leased = (step: string, attempt = 1): RunFact => ({
  type: 'step_leased',
  v: 1,
  at: 0,
  step,
  attempt,
  workerId: 'w',
  sessionId: 's',
});

interface Finish {
  readonly attempt?: number;
  readonly usage?: Usage;
  readonly durationMs?: number;
  readonly retryAt?: number;
}

const finished = (
  step: string,
  outcome: TaskOutcome,
  { attempt = 1, usage, durationMs = 100, retryAt }: Finish = {},
): RunFact => ({
  type: 'step_finished',
  v: 1,
  at: 0,
  step,
  attempt,
  token: 1,
  workerId: 'w',
  startedAt: 0,
  result: { outcome, outputs: {}, durationMs, ...(usage === undefined ? {} : { usage }) },
  ...(retryAt === undefined ? {} : { retryAt }),
});

const lost = (step: string, fields: Partial<Extract<RunFact, { type: 'step_lost' }>> = {}): RunFact => ({
  type: 'step_lost',
  v: 1,
  at: 0,
  step,
  token: 1,
  reason: 'worker_exited',
  started: true,
  ...fields,
});

const ended = (status: 'succeeded' | 'failed' | 'cancelled' = 'succeeded', partial = false): RunFact => ({
  type: 'run_finished',
  v: 1,
  at: 9,
  status,
  partial,
});

const cancel = (reason: 'requested' | 'timeout' | 'rolled_back'): RunFact => ({
  type: 'cancel_requested',
  v: 1,
  at: 1,
  by: 'someone',
  reason,
});

const one = dagOf([agentStep('s')]);
const measure = (facts: readonly RunFact[], dag: Dag = one, agentId = 'a') =>
  measureTree(agentId, [{ runId: 'root', dag, facts }]);

describe('exposure (g.5)', () => {
  test('an agent of which no step started was not exposed, whatever else the run did', () => {
    const dag = dagOf([stepOf('shell'), agentStep('s')]);
    expect(measure([ended()], dag).exposed).toBe(false);
    expect(measure([leased('shell'), finished('shell', good), ended()], dag).exposed).toBe(false);
    expect(measure([leased('s'), lost('s', { started: false }), ended('failed')]).exposed).toBe(false);
    expect(measure([leased('s'), finished('s', { status: 'released' }), ended('cancelled')]).exposed).toBe(false);
    expect(measure([leased('s'), finished('s', { status: 'skipped' }), ended()]).exposed).toBe(false);
    expect(measure([leased('s'), finished('s', good), ended()], one, 'other').exposed).toBe(false);
  });

  test('a step that began and was lost, cancelled or failed was exposed', () => {
    expect(measure([leased('s'), lost('s'), ended('failed')]).exposed).toBe(true);
    expect(measure([leased('s'), finished('s', { status: 'cancelled' }), ended('cancelled')]).exposed).toBe(true);
    expect(measure([leased('s'), finished('s', failed()), ended('failed')]).exposed).toBe(true);
  });

  test('a result that a retry kept from the run before does not expose', () => {
    const kept: RunFact = {
      type: 'step_kept',
      v: 1,
      at: 0,
      step: 's',
      attempt: 1,
      result: { outcome: good, outputs: {}, durationMs: 5, usage: usageOf() },
    };
    const measured = measure([kept, ended()]);
    expect([measured.exposed, measured.values.tokens, measured.steps.length]).toEqual([false, null, 0]);
  });
});

describe('the error of a tree', () => {
  test.each<[string, readonly RunFact[], number | null]>([
    ['a first attempt that succeeded', [finished('s', good)], 0],
    [
      'a first attempt that failed and a second that mended it',
      [finished('s', failed(), { retryAt: 1 }), finished('s', good, { attempt: 2 })],
      1,
    ],
    ['a loss before a success', [lost('s'), finished('s', good, { attempt: 2 })], 0],
    ['a loss before a failure', [lost('s'), finished('s', failed(), { attempt: 2 })], 1],
    [
      'a model that could not be reached',
      [finished('s', failed('unavailable'), { retryAt: 1 }), finished('s', good, { attempt: 2 })],
      1,
    ],
    ['a task that was handed back before', [finished('s', { status: 'released' }), finished('s', good)], 0],
    ['losses only', [lost('s'), lost('s', { error: { code: 'unavailable', message: 'lost' } })], null],
    ['a step that was stopped', [finished('s', { status: 'cancelled' })], null],
  ])('%s', (_name, facts, value) => {
    expect(measure([leased('s'), ...facts, ended()]).values.error).toBe(value);
  });

  test('one bad item among many is an error of the tree', () => {
    const dag = dagOf([agentStep('s', 'a', { foreach: { items: [1, 2, 3], maxConcurrent: 3 } })]);
    const facts = [finished('s[0]', good), finished('s[1]', failed()), finished('s[2]', good), ended('failed')];
    expect(measure(facts, dag).values.error).toBe(1);
    expect(measure(facts, dag).steps).toHaveLength(3);
  });

  test('the code of the first failure is told, for the breaker', () => {
    expect(measure([finished('s', failed('unavailable')), ended('failed')]).firstFailure).toBe('unavailable');
    expect(measure([finished('s', good), ended()]).firstFailure).toBeUndefined();
  });
});

describe('sums over a tree', () => {
  test('latency is of last attempts, tokens and turns are of all of them', () => {
    const facts = [
      finished('s', failed(), { retryAt: 1, durationMs: 900, usage: usageOf({ turns: 3 }) }),
      finished('s', good, { attempt: 2, durationMs: 40, usage: usageOf({ turns: 2, schemaRepairs: 1 }) }),
      ended(),
    ];
    expect(measure(facts).values).toMatchObject({ latency: 40, tokens: 30, turns: 5, schemaRepairs: 1 });
  });

  test('an attempt that goes on from an unavailable one counts its turns once; one that began anew counts both', () => {
    const before = finished('s', failed('unavailable'), { retryAt: 1, usage: usageOf({ turns: 3 }) });
    const after = finished('s', good, { attempt: 2, usage: usageOf({ turns: 4 }) });
    const restart: RunFact = {
      type: 'agent_restarted',
      v: 1,
      at: 0,
      step: 's',
      attempt: 2,
      token: 2,
      entry: { type: 'restart', reason: 'tree' },
    };
    expect(measure([before, after, ended()]).values.turns).toBe(4);
    expect(measure([before, restart, after, ended()]).values.turns).toBe(7);
  });

  test('what nobody told is missing, never 0', () => {
    expect(measure([finished('s', good), ended()]).values).toMatchObject({
      tokens: null,
      costUsd: null,
      toolErrors: null,
    });
    const told = measure([finished('s', good, { usage: usageOf({ toolErrors: 0 }) }), ended()]).values;
    expect(told).toMatchObject({ tokens: 15, costUsd: null, toolErrors: 0 });
  });

  test('called runs and handlers belong to the tree, other agents do not', () => {
    const child = dagOf([agentStep('inner'), agentStep('else', 'b')]);
    const root = dagOf([agentStep('s')], { handlers: { exit: agentStep('@exit') } });
    const measured = measureTree('a', [
      {
        runId: 'root',
        dag: root,
        facts: [finished('s', good, { usage: usageOf() }), finished('@exit', good, { usage: usageOf() }), ended()],
      },
      {
        runId: 'kid',
        dag: child,
        facts: [
          finished('inner', failed(), { usage: usageOf() }),
          finished('else', good, { usage: usageOf() }),
          ended('failed'),
        ],
      },
    ]);
    expect(measured.values).toMatchObject({ tokens: 45, latency: 300, error: 1, run_failed: 0 });
    expect(measured.steps.map(({ runId, step }) => `${runId}/${step}`)).toEqual(['root/s', 'root/@exit', 'kid/inner']);
  });
});

describe('rounds', () => {
  const dag = dagOf([
    agentStep('s'),
    stepOf('ok', { depends: ['s'], action: { kind: 'approval', prompt: '', input: [] } }),
  ]);
  const pushed: RunFact = {
    type: 'step_pushed_back',
    v: 1,
    at: 0,
    step: 'ok',
    to: 's',
    by: 'p',
    feedback: 'no',
    round: 1,
    steps: ['s', 'ok'],
  };

  test('a push-back is a takeover; what the round before did counts, what the last one made is judged', () => {
    const measured = measure(
      [
        finished('s', failed(), { usage: usageOf(), retryAt: 1 }),
        finished('s', good, { attempt: 2, usage: usageOf() }),
        pushed,
        finished('s', good, { attempt: 3, usage: usageOf() }),
        ended(),
      ],
      dag,
    );
    expect(measured.values).toMatchObject({ takeover: 1, tokens: 45, latency: 200, error: 1 });
    expect(measured.steps.map(({ round }) => round)).toEqual([1]);
  });

  test('a rejection of what the agent made is a takeover, an approval is none', () => {
    const answered = (decision: 'approved' | 'rejected'): RunFact => ({
      type: 'step_answered',
      v: 1,
      at: 0,
      step: 'ok',
      attempt: 1,
      by: 'p',
      decision,
      result: { outcome: good, outputs: {}, durationMs: 0 },
    });
    expect(measure([finished('s', good), answered('approved'), ended()], dag).values.takeover).toBe(0);
    expect(measure([finished('s', good), answered('rejected'), ended('failed')], dag).values.takeover).toBe(1);
  });

  test('a message to the agent is a takeover', () => {
    const message: RunFact = {
      type: 'message_accepted',
      v: 1,
      at: 0,
      step: 's',
      message: { messageId: 'm', number: 1, sender: 'p', mode: 'next_turn', text: 'stop' },
    };
    expect(measure([message, finished('s', good), ended()]).values.takeover).toBe(1);
  });
});

describe('how the root ended', () => {
  test.each<[string, readonly RunFact[], boolean, number | null]>([
    ['by a person: all is missing', [cancel('requested'), ended('cancelled')], true, null],
    ['by its timeout: it failed', [cancel('timeout'), ended('failed')], false, 1],
    ['by a rollback: all is missing', [cancel('rolled_back'), ended('cancelled')], true, null],
    ['by a person too late: it succeeded', [cancel('requested'), ended()], false, 0],
  ])('cancelled %s', (_name, facts, cancelled, runFailed) => {
    const measured = measure([finished('s', good), ...facts]);
    expect([measured.cancelled, measured.values.run_failed]).toEqual([cancelled, runFailed]);
    if (cancelled) expect(Object.values(measured.values).every((value) => value === null)).toBe(true);
  });

  test('a partial success and a failure are told apart', () => {
    expect(measure([finished('s', good), ended('succeeded', true)]).values).toMatchObject({
      run_failed: 0,
      run_partial: 1,
    });
    expect(measure([finished('s', good), ended('failed')]).values).toMatchObject({ run_failed: 1, run_partial: 0 });
  });

  test('a migrated run names the rollout whose evidence it leaves', () => {
    const migrated: RunFact = {
      type: 'run_migrated',
      v: 1,
      at: 0,
      rolloutId: 'rol_1',
      agentId: 'a',
      agents: {},
      snapshotDigest: 'd',
      begun: [],
    };
    expect([...measure([finished('s', good), migrated, ended()]).migratedFor]).toEqual(['rol_1']);
  });
});
