import type { Dag, RunCommand, RunFact, RunState, TaskOutcome } from '../src/index.ts';
import { createRunState, decide, evolve, findTarget, planRun } from '../src/index.ts';

/** The command that opens a log. */
export const submit: RunCommand = {
  type: 'submit',
  dagDigest: 'sha256:00',
  params: {},
  routingContext: {},
  priority: 0,
  source: { kind: 'api' },
};
/** The command that lets a run begin. */
export const admit: RunCommand = { type: 'admit', agents: {} };

/** An admitted run with its log, driven by hand: a command that is refused throws. */
export const start = (dag: Dag) => {
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
  act(submit);
  act(admit);
  return { state, log, act, settle, lease, finish, resultCommand };
};

/** The outcome of an attempt that failed. */
export const failed: TaskOutcome = { status: 'failed', error: { code: 'internal', message: 'boom' } };
/** The code with which a command is refused, or `accepted`. */
export const refusal = (state: RunState, command: RunCommand, now = 1_000): string => {
  const decision = decide(state, command, now);
  return decision.ok ? 'accepted' : decision.error.code;
};
