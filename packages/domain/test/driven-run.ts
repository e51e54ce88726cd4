import type { Dag, RunCommand, RunFact, RunState, TaskOutcome, ValueRef } from '../src/index.ts';
import { createRunState, decide, evolve, findTarget, planRun } from '../src/index.ts';

type CommandOf<T extends RunCommand['type']> = Extract<RunCommand, { readonly type: T }>;

/** The command that opens a log. */
export const submit: CommandOf<'submit'> = {
  type: 'submit',
  dagDigest: 'sha256:00',
  params: {},
  routingContext: {},
  priority: 0,
  source: { kind: 'api' },
};
/** The command that lets a run begin. */
export const admit: CommandOf<'admit'> = { type: 'admit', agents: {} };

/** An admitted run with its log, driven by hand: a command that is refused throws. */
export const start = (dag: Dag, submitted: RunCommand = submit, admitted: RunCommand = admit) => {
  const state = createRunState('default', 'run_1', dag);
  const log: RunFact[] = [];
  const apply = (facts: readonly RunFact[]) => {
    for (const fact of facts) {
      log.push(fact);
      evolve(state, fact);
    }
  };
  const act = (command: RunCommand, now = 1_000) => {
    const decision = decide(state, command, now);
    if (!decision.ok) throw decision.error;
    apply(decision.value);
    return decision.value;
  };
  const settle = (now = 1_000) => {
    for (let plan = planRun(state, now); plan.facts.length > 0; plan = planRun(state, now)) apply(plan.facts);
    return planRun(state, now);
  };
  const lease = (step: string, now = 1_000) => {
    act({ type: 'lease', step, workerId: 'wrk_1', sessionId: 'ses_1' }, now);
    return state.seq;
  };
  const resultCommand = (step: string, token: number, outcome: TaskOutcome, exitCode?: number): RunCommand => ({
    type: 'finish',
    workerId: 'wrk_1',
    result: {
      runId: 'run_1',
      step,
      attempt: findTarget(state, step)?.target.attempt ?? 0,
      token,
      outcome,
      outputs: {},
      durationMs: 5,
      ...(exitCode === undefined ? {} : { exitCode }),
    },
  });
  const finish = (step: string, outcome: TaskOutcome = { status: 'succeeded' }, now = 1_000, exitCode?: number) =>
    act(resultCommand(step, findTarget(state, step)?.target.lease?.token ?? -1, outcome, exitCode), now);
  act(submitted);
  act(admitted);
  return { state, log, act, settle, lease, finish, resultCommand };
};

/** Like `start`, of a DAG that may call `child`, which is `sha256:0c`. */
export const startWithCalls = (
  dag: Dag,
  submitted: Partial<CommandOf<'submit'>> = {},
  admitted: Partial<CommandOf<'admit'>> = { calls: { 'sha256:00': { child: 'sha256:0c' } } },
) => {
  const run = start(dag, { ...submit, ...submitted }, { ...admit, ...admitted });
  const call = (step: string, childRunId: string, now = 1_000) =>
    run.act({ type: 'call', step, childRunId, dag: 'child', dagDigest: 'sha256:0c' }, now);
  const returnCommand = (
    step: string,
    outcome: TaskOutcome,
    outputs: { readonly [name: string]: ValueRef } = {},
  ): RunCommand => ({
    type: 'return',
    step,
    childRunId: findTarget(run.state, step)?.target.call?.childRunId ?? '',
    result: { outcome, outputs, durationMs: 5 },
  });
  const returns = (
    step: string,
    outcome: TaskOutcome = { status: 'succeeded' },
    now = 1_000,
    outputs: { readonly [name: string]: ValueRef } = {},
  ) => run.act(returnCommand(step, outcome, outputs), now);
  return { ...run, call, returns, returnCommand };
};

/** The outcome of an attempt that failed. */
export const failed: TaskOutcome = { status: 'failed', error: { code: 'internal', message: 'boom' } };
/** The code with which a command is refused, or `accepted`. */
export const refusal = (state: RunState, command: RunCommand, now = 1_000): string => {
  const decision = decide(state, command, now);
  return decision.ok ? 'accepted' : decision.error.code;
};
