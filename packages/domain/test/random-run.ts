import { dagOf, stepOf } from '@skein/testkit';
import fc from 'fast-check';
import type {
  Dag,
  HandlerName,
  JsonValue,
  LossReason,
  RecordedResult,
  RunCommand,
  RunFact,
  RunPlan,
  RunState,
  Step,
  StepPath,
  TaskOutcome,
} from '../src/index.ts';
import {
  createRunState,
  decide,
  evolve,
  findTarget,
  handlerStepId,
  isHandlerId,
  isSettledStep,
  isStopping,
  isTerminalRun,
  planRun,
  planRunFully,
} from '../src/index.ts';
import { randomCheckpoint, randomMessage } from './random-agent.ts';

const policyArbitrary = fc.record({
  kind: fc.constantFrom('noop', 'call', 'call', 'agent', 'agent'),
  retries: fc.nat(2),
  tolerate: fc.boolean(),
  toleratesSkip: fc.boolean(),
  lossFails: fc.boolean(),
});

const actions: { readonly [kind: string]: Step['action'] } = {
  call: { kind: 'call', dag: 'child' },
  agent: { kind: 'agent', agent: 'triager', prompt: 'go', limits: {}, memory: { read: false, propose: false } },
};

const fieldsOf = (spec: {
  readonly kind: string;
  readonly retries: number;
  readonly tolerate: boolean;
  readonly toleratesSkip: boolean;
  readonly lossFails: boolean;
}): Partial<Step> => ({
  action: actions[spec.kind] ?? { kind: 'noop' },
  onWorkerLoss: spec.lossFails ? 'fail' : 'retry',
  continueOn: {
    failure: spec.tolerate,
    skipped: spec.toleratesSkip,
    exitCodes: [],
    output: [],
    markSuccess: spec.tolerate && spec.lossFails,
  },
  ...(spec.retries > 0 ? { retryPolicy: { limit: spec.retries, intervalMs: 10, backoff: 1, exitCodes: [] } } : {}),
});

const handlerArbitrary = fc.option(policyArbitrary, { nil: undefined, freq: 2 });

/** Random small DAGs: dependencies only on earlier steps, calls, agents, some fan-outs, retries, tolerance, handlers, a timeout. */
export const dagArbitrary: fc.Arbitrary<Dag> = fc
  .record({
    steps: fc.array(
      fc.record({
        depends: fc.uniqueArray(fc.nat(6), { maxLength: 3 }),
        fanout: fc.option(fc.record({ count: fc.nat(4), maxConcurrent: fc.integer({ min: 1, max: 3 }) }), {
          nil: undefined,
          freq: 4,
        }),
        policy: policyArbitrary,
      }),
      { minLength: 1, maxLength: 7 },
    ),
    handlers: fc.option(
      fc.record({
        init: handlerArbitrary,
        success: handlerArbitrary,
        failure: handlerArbitrary,
        abort: handlerArbitrary,
        exit: handlerArbitrary,
      }),
      { nil: undefined, freq: 2 },
    ),
    timeoutMs: fc.option(fc.integer({ min: 20, max: 200 }), { nil: undefined, freq: 1 }),
  })
  .map(({ steps, handlers, timeoutMs }) =>
    dagOf(
      steps.map(({ depends, fanout, policy }, place) =>
        stepOf(`s${place}`, {
          ...fieldsOf(policy),
          depends: depends.filter((dependency) => dependency < place).map((dependency) => `s${dependency}`),
          ...(fanout === undefined
            ? {}
            : {
                foreach: {
                  items: Array.from({ length: fanout.count }, (_, item) => item),
                  maxConcurrent: fanout.maxConcurrent,
                },
              }),
        }),
      ),
      {
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(handlers === undefined
          ? {}
          : {
              handlers: Object.fromEntries(
                Object.entries(handlers).flatMap(([name, policy]) => {
                  const id = handlerStepId(name as HandlerName);
                  return policy === undefined ? [] : [[name, stepOf(id, fieldsOf(policy))]];
                }),
              ),
            }),
      },
    ),
  );

/** What is done with a run, as numbers that `playRun` reads. Without `size` there would be few of them. */
export const choicesArbitrary = fc.array(fc.nat(100_000), { maxLength: 60, size: 'max' });

const outcomes: readonly TaskOutcome[] = [
  { status: 'succeeded' },
  { status: 'succeeded' },
  { status: 'failed', error: { code: 'internal', message: 'no' } },
  { status: 'skipped' },
  { status: 'released' },
  { status: 'cancelled' },
];
const childOutcomes: readonly TaskOutcome[] = [
  { status: 'succeeded' },
  { status: 'failed', error: { code: 'internal', message: 'DAG "child" (run c) failed: no' } },
  { status: 'cancelled' },
];

const reasons: readonly LossReason[] = ['lease_lapsed', 'worker_exited', 'worker_forgot', 'refused'];

const targetsOf = (state: RunState) =>
  [...state.steps.values()].flatMap((step) => [step, ...(step.fanout?.states ?? [])]);

/** Paths of what workers hold. */
export const leasedPaths = (state: RunState): StepPath[] =>
  targetsOf(state).flatMap(({ path, lease }) => (lease === undefined ? [] : [path]));

/** Paths of what waits for a child. */
export const calledPaths = (state: RunState): StepPath[] =>
  targetsOf(state).flatMap(({ path, call }) => (call === undefined ? [] : [path]));

const finishOf = (state: RunState, path: StepPath, outcome: TaskOutcome): RunCommand => {
  const target = findTarget(state, path)?.target;
  return {
    type: 'finish',
    workerId: 'w',
    result: {
      runId: 'r',
      step: path,
      attempt: target?.attempt ?? 0,
      token: target?.lease?.token ?? 0,
      outcome,
      outputs: {},
      durationMs: 1,
    },
  };
};

const returnOf = (state: RunState, step: StepPath, outcome: TaskOutcome): RunCommand => ({
  type: 'return',
  step,
  childRunId: findTarget(state, step)?.target.call?.childRunId ?? '',
  result: { outcome, outputs: {}, durationMs: 1 },
});

const isDead = (
  state: RunState,
  { step, message }: Extract<RunCommand, { readonly type: 'send_message' }>,
): boolean => {
  const messages = findTarget(state, step)?.target.mailbox?.messages ?? [];
  return messages.findLast(({ messageId }) => messageId === message.messageId)?.state === 'dead_lettered';
};

/** A run that was played to its end, or got stuck. */
export interface PlayedRun {
  readonly state: RunState;
  readonly log: readonly RunFact[];
  /** Commands that should have been taken and were not, and plans that differ from those of the reference planner. */
  readonly faults: readonly string[];
}

/** Plays random choices against a run, then drives it fairly to its end; `check` sees the state between any two steps. */
export const playRun = (
  dag: Dag,
  choices: readonly number[],
  check: (state: RunState, log: readonly RunFact[], plan: RunPlan) => void,
): PlayedRun => {
  const state = createRunState('default', 'r', dag);
  const log: RunFact[] = [];
  const faults: string[] = [];
  const repeats: RunCommand[] = [];
  let now = 1;
  let children = 0;
  const apply = (facts: readonly RunFact[]) => {
    for (const fact of facts) {
      log.push(fact);
      evolve(state, fact);
    }
  };
  const act = (command: RunCommand): readonly RunFact[] => {
    const decision = decide(state, command, now);
    if (decision.ok) apply(decision.value);
    else faults.push(`${JSON.stringify(command)}: ${decision.error.message}`);
    return decision.ok ? decision.value : [];
  };
  const planOnce = (): RunPlan => {
    const plan = planRun(state, now);
    const reference = planRunFully(state, now);
    if (JSON.stringify(plan) !== JSON.stringify(reference))
      faults.push(`${JSON.stringify(plan)} should be ${JSON.stringify(reference)}`);
    return plan;
  };
  const settle = (): RunPlan => {
    for (let turn = 0; turn < 100; turn += 1) {
      const plan = planOnce();
      if (plan.facts.length === 0) {
        check(state, log, plan);
        return plan;
      }
      apply(plan.facts);
    }
    throw new Error('a plan whose facts do not end');
  };
  const begin = (plan: RunPlan, pick: <T>(list: readonly T[]) => T | undefined): void => {
    const [id] = plan.expand;
    const called = pick(plan.calls)?.step;
    const ready = pick(plan.ready)?.step;
    if (id !== undefined) {
      const items = dag.steps.find((each) => each.id === id)?.foreach?.items ?? [];
      act({ type: 'expand', step: id, count: items.length, items: { inline: Array.from(items) as JsonValue[] } });
    } else if (called !== undefined && (ready === undefined || children % 2 === 0)) {
      children += 1;
      act({ type: 'call', step: called, childRunId: `c${children}`, dag: 'child', dagDigest: 'sha256:c' });
    } else if (ready !== undefined) {
      children += 1;
      act({ type: 'lease', step: ready, workerId: 'w', sessionId: 's' });
    }
  };
  /** A repetition changes nothing; the result of an attempt that another one followed is stale. */
  const repeat = (command: RunCommand): void => {
    // What was given up may be sent once more.
    if (command.type === 'send_message' && isDead(state, command)) return;
    const decision = decide(state, command, now);
    const isFenced = command.type === 'finish' || command.type === 'checkpoint';
    const isStale = !decision.ok && isFenced && decision.error.code === 'stale_fencing_token';
    if (decision.ok ? decision.value.length > 0 : !isStale) faults.push(`repeated: ${JSON.stringify(command)}`);
  };
  const end = (command: RunCommand): void => {
    act(command);
    repeats.push(command);
  };
  /** Only a step that reads nothing any more may refuse a message. */
  const send = (part: number): void => {
    const command = randomMessage(state, part, `m${log.length}`);
    const decision = command === undefined ? undefined : decide(state, command, now);
    if (command === undefined || decision === undefined) return;
    if (decision.ok) {
      end(command);
      return;
    }
    const isOver = isSettledStep(findTarget(state, command.step)?.target.status ?? 'pending') || isStopping(state);
    if (decision.error.code !== 'illegal_transition' || !(isOver || isHandlerId(command.step)))
      faults.push(`${JSON.stringify(command)}: ${decision.error.message}`);
  };
  const checkpoint = (path: StepPath, part: number): void => {
    const command = randomCheckpoint(state, path, part);
    if (command !== undefined) end(command);
  };
  const step = (choice: number): void => {
    const plan = settle();
    const leased = leasedPaths(state);
    const called = calledPaths(state);
    const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(choice / 64) % Math.max(1, list.length)];
    const open = !isTerminalRun(state.status);
    // One kind of loss meets the same step again and again, until it is poison.
    const lease = (choice % 15 === 12 ? leased[0] : pick(leased)) ?? '';
    const call = pick(called) ?? '';
    const token = findTarget(state, lease)?.target.lease?.token ?? 0;
    const kind = choice % 15;
    const part = Math.floor(choice / 15);
    const outcome = outcomes[part % outcomes.length] ?? { status: 'succeeded' };
    if (kind >= 13) checkpoint(lease, part);
    else if (kind === 11 && open) send(part);
    else if (kind === 10 && open && part % 4 === 0) act({ type: 'cancel', by: 'x', reason: 'requested' });
    else if (kind === 10 && leased.length > 0)
      act({ type: 'release_secret', step: lease, token, workerId: 'w', secret: part % 2 === 0 ? 'a' : 'b' });
    else if (kind === 9) now += 20;
    else if ((kind === 8 || kind === 12) && leased.length > 0)
      act({
        type: 'lose',
        step: lease,
        token,
        reason: reasons[part % reasons.length] ?? 'refused',
        started: part % 3 !== 0,
        ...(part % 4 === 0 ? { shared: true } : {}),
        ...(part % 5 === 0 ? { suspect: true } : {}),
        ...(part % 7 === 0 ? { late: part % 4 === 0 ? 'shared' : 'alone' } : {}),
        ...(part % 2 === 0 ? {} : { random: (part % 7) / 7 }),
      });
    else if (kind === 7 && repeats.length > 0) repeat(pick(repeats) as RunCommand);
    else if (kind === 6 && open && plan.calls.length > 0 && part % 2 === 0)
      act({ type: 'skip_step', step: pick(plan.calls)?.step ?? '' });
    else if (kind === 6 && open && plan.ready.length > 0 && part % 4 === 0) {
      const error = { code: 'invalid_argument', message: 'no value' } as const;
      act({ type: 'fail_step', step: pick(plan.ready)?.step ?? '', error });
    } else if (kind >= 5 && called.length > 0)
      end(returnOf(state, call, childOutcomes[part % childOutcomes.length] ?? { status: 'succeeded' }));
    else if (kind >= 3 && leased.length > 0) {
      if (outcome.status === 'released') act(finishOf(state, lease, outcome));
      else end(finishOf(state, lease, outcome));
    } else begin(plan, pick);
  };
  const isRetry = (choices[1] ?? 0) % 4 === 3;
  const kept = [
    '@init',
    ...dag.steps.filter(({ depends, foreach }) => depends.length === 0 && !foreach).map(({ id }) => id),
  ];
  const result: RecordedResult = { outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1 };
  act({
    type: 'submit',
    dagDigest: 'sha256:0',
    params: {},
    routingContext: {},
    priority: 0,
    source: { kind: 'api' },
    kept: isRetry ? kept.map((id) => ({ step: id, result, attempt: 1 })) : [],
  });
  if (choices[0] === undefined || choices[0] % 40 !== 0)
    act({ type: 'admit', agents: {}, calls: { 'sha256:0': { child: 'sha256:c' } } });
  else act({ type: 'cancel', by: 'x', reason: 'requested' });
  for (const choice of choices) step(choice);
  // Handlers mostly come after the choices, so that these also say how handlers end.
  const lastOutcome = childOutcomes[(choices.at(-1) ?? 0) % childOutcomes.length] ?? { status: 'succeeded' };
  for (let turn = 0; turn < 2_000 && !isTerminalRun(state.status); turn += 1) {
    const plan = settle();
    const [leased] = leasedPaths(state);
    const [called] = calledPaths(state);
    const outcome = state.closing === undefined ? { status: 'succeeded' as const } : lastOutcome;
    if (leased !== undefined) end(finishOf(state, leased, outcome));
    else if (called !== undefined) end(returnOf(state, called, outcome));
    else if (plan.expand.length + plan.ready.length + plan.calls.length > 0) begin(plan, (list) => list[0]);
    else if (plan.dueAt !== undefined) now = plan.dueAt;
  }
  check(state, log, planOnce());
  return { state, log, faults };
};
