import { dagOf, propertyRuns, stepOf } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dag, JsonValue, RunCommand, RunFact, RunPlan, RunState, Step, StepState } from '../index.ts';
import {
  createRunState,
  decide,
  decodeRunState,
  encodeRunState,
  evolve,
  evolveAll,
  isHandlerId,
  isSettledStep,
  isTerminalRun,
  planRun,
  planRunFully,
} from '../index.ts';

const kinds = ['noop', 'noop', 'time', 'approval', 'approval', 'message'] as const;

const actionOf = (kind: (typeof kinds)[number], rewind: string | undefined): Step['action'] => {
  switch (kind) {
    case 'noop':
      return { kind: 'noop' };
    case 'time':
      return { kind: 'wait', durationMs: 30 };
    case 'message':
      return { kind: 'wait', message: true };
    case 'approval':
      return { kind: 'approval', prompt: 'ok?', input: [], ...(rewind === undefined ? {} : { rewind }) };
  }
};

const waitingDags: fc.Arbitrary<Dag> = fc
  .record({
    steps: fc.array(
      fc.record({
        kind: fc.constantFrom(...kinds),
        follows: fc.boolean(),
        depends: fc.uniqueArray(fc.nat(6), { maxLength: 3 }),
        items: fc.option(fc.nat(3), { nil: undefined, freq: 5 }),
        timeoutMs: fc.option(fc.integer({ min: 10, max: 90 }), { nil: undefined }),
        tolerate: fc.boolean(),
      }),
      { minLength: 2, maxLength: 7 },
    ),
    exit: fc.boolean(),
    timeoutMs: fc.option(fc.integer({ min: 50, max: 400 }), { nil: undefined, freq: 3 }),
  })
  .map(({ steps, exit, timeoutMs }) =>
    dagOf(
      steps.map(({ kind, follows, depends, items, timeoutMs: own, tolerate }, place) => {
        const earlier = new Set([
          ...depends.filter((each) => each < place),
          ...(follows && place > 0 ? [place - 1] : []),
        ]);
        const before = [...earlier].map((each) => `s${each}`);
        return stepOf(`s${place}`, {
          action: actionOf(kind, before[0]),
          depends: before,
          continueOn: { failure: tolerate, skipped: tolerate, exitCodes: [], output: [], markSuccess: false },
          ...(items === undefined
            ? {}
            : { foreach: { items: Array.from({ length: items }, (_, i) => i), maxConcurrent: 2 } }),
          ...(own === undefined || kind === 'noop' ? {} : { timeoutMs: own }),
        });
      }),
      {
        ...(exit ? { handlers: { exit: stepOf('@exit') } } : {}),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
    ),
  );

const targetsOf = (state: RunState): readonly StepState[] =>
  [...state.steps.values()].flatMap((step) => [step, ...(step.fanout?.states ?? [])]);

/** W1, W2, the counters, and that a plan begins nothing that is no worker's and is never stuck. */
const faultsOf = (state: RunState, plan: RunPlan): readonly string[] => {
  const faults: string[] = [];
  const targets = targetsOf(state);
  const waiting = targets.filter(({ wait }) => wait !== undefined);
  if (
    waiting
      .map(({ path }) => path)
      .toSorted()
      .join() !== [...state.waits.keys()].toSorted().join()
  )
    faults.push('waits');
  if (waiting.some(({ status, lease }) => status !== 'waiting' || lease !== undefined)) faults.push('W1');
  const held = targets.filter(({ lease }) => lease !== undefined).length;
  if (held !== state.leases) faults.push(`leases ${state.leases}, held ${held}`);
  const open = [...state.steps.values()].filter(({ path, status }) => !isHandlerId(path) && !isSettledStep(status));
  if (open.length !== state.openSteps) faults.push(`openSteps ${state.openSteps}, open ${open.length}`);
  for (const { path, openDependencies } of open) {
    const depends = state.graph.byId.get(path)?.depends ?? [];
    const unsettled = depends.filter((id) => !isSettledStep(state.steps.get(id)?.status ?? 'pending')).length;
    if (unsettled !== openDependencies) faults.push(`${path}: openDependencies ${openDependencies}, open ${unsettled}`);
  }
  const quiet = waiting.length > 0 && state.leases === 0 && state.frontier.size === 0;
  if (!isTerminalRun(state.status) && state.status !== (quiet ? 'waiting' : 'running')) faults.push('W2');
  if (isTerminalRun(state.status) && waiting.length > 0) faults.push('waits after the end');
  const isWait = ({ stepId }: { readonly stepId: string }) =>
    ['wait', 'approval'].includes(state.graph.byId.get(stepId)?.action.kind ?? '');
  if (plan.ready.some(isWait) || !plan.waits.every(isWait)) faults.push('waits among tasks');
  const begins = plan.ready.length + plan.waits.length + plan.expand.length + plan.facts.length;
  const mayEnd = begins + state.leases + state.waits.size;
  if (!isTerminalRun(state.status) && mayEnd === 0) faults.push('stuck');
  return faults;
};

/** Plays random choices, then drives the run to its end. */
const play = (dag: Dag, choices: readonly number[], check: (state: RunState, log: readonly RunFact[]) => void) => {
  const state = createRunState('default', 'r', dag);
  const log: RunFact[] = [];
  let now = 1;
  const apply = (facts: readonly RunFact[]) => {
    for (const fact of facts) {
      log.push(fact);
      evolve(state, fact);
    }
  };
  const attempt = (command: RunCommand): boolean => {
    const decision = decide(state, command, now);
    if (decision.ok) apply(decision.value);
    return decision.ok && decision.value.length > 0;
  };
  const act = (command: RunCommand) => {
    const decision = decide(state, command, now);
    if (!decision.ok) throw decision.error;
    apply(decision.value);
  };
  const settle = (): RunPlan => {
    for (;;) {
      const plan = planRun(state, now);
      expect(plan).toEqual(planRunFully(state, now));
      const faults = faultsOf(state, plan);
      if (faults.length > 0) throw new Error(`${faults.join('; ')} after ${JSON.stringify(log.at(-1))}`);
      if (plan.facts.length === 0) {
        check(state, log);
        return plan;
      }
      apply(plan.facts);
    }
  };
  const waitFor = (path: string, id: string): RunCommand => {
    const action = state.graph.byId.get(id)?.action;
    if (action?.kind === 'approval') return { type: 'wait', step: path, for: 'approval', prompt: 'ok?' };
    return action?.kind === 'wait' && action.message === true
      ? { type: 'wait', step: path, for: 'message' }
      : { type: 'wait', step: path, for: 'time', until: now + 30 };
  };
  const finish = (target: StepState, fails: boolean) =>
    act({
      type: 'finish',
      workerId: 'w',
      result: {
        runId: 'r',
        step: target.path,
        attempt: target.attempt,
        token: target.lease?.token ?? 0,
        outcome: fails ? { status: 'failed', error: { code: 'internal', message: 'no' } } : { status: 'succeeded' },
        outputs: {},
        durationMs: 1,
      },
    });
  const begin = (plan: RunPlan, at: number): boolean => {
    const [id] = plan.expand;
    const wait = plan.waits[at % Math.max(1, plan.waits.length)];
    const ready = plan.ready[at % Math.max(1, plan.ready.length)];
    if (id !== undefined) {
      const items = state.graph.byId.get(id)?.foreach?.items ?? [];
      act({ type: 'expand', step: id, count: items.length, items: { inline: Array.from(items) as JsonValue[] } });
    } else if (wait !== undefined) act(waitFor(wait.step, wait.stepId));
    else if (ready !== undefined) act({ type: 'lease', step: ready.step, workerId: 'w', sessionId: 's' });
    else return false;
    return true;
  };
  act({ type: 'submit', dagDigest: 'sha256:0', params: {}, routingContext: {}, priority: 0, source: { kind: 'api' } });
  act({ type: 'admit', agents: {} });
  for (const choice of choices) {
    const plan = settle();
    if (isTerminalRun(state.status)) break;
    const part = Math.floor(choice / 12);
    const asked = [...state.waits.keys()][part % Math.max(1, state.waits.size)] ?? '';
    const leased = targetsOf(state).filter(({ lease }) => lease !== undefined);
    const held = leased[part % Math.max(1, leased.length)];
    const kind = choice % 12;
    if (kind === 11 && part % 16 === 0) attempt({ type: 'cancel', by: 'x', reason: 'requested' });
    else if (kind === 10) now += 15;
    else if (kind >= 8 && state.waits.size > 0) {
      const step = state.steps.get(asked);
      const to = [...state.steps.keys()][part % state.steps.size] ?? '';
      const feedback = `f${log.length}`;
      attempt({ type: 'push_back', step: step?.path ?? to, by: 'x', feedback, ...(part % 3 === 0 ? { to } : {}) });
    } else if (kind === 7) {
      const answer = { type: 'answer', step: asked, by: 'x', decision: part % 4 === 0 ? 'reject' : 'approve' } as const;
      if (attempt(answer) && attempt(answer)) throw new Error('an answer counts twice');
    } else if (kind === 6) {
      const message = { messageId: `m${log.length}`, sender: 'x', mode: 'next_turn', text: 'go' } as const;
      attempt({ type: 'send_message', step: asked, message });
    } else if (kind >= 3 && held !== undefined) finish(held, part % 9 === 0);
    else if (!begin(plan, part) && held !== undefined) finish(held, part % 9 === 0);
  }
  for (let turn = 0; turn < 2_000 && !isTerminalRun(state.status); turn += 1) {
    const plan = settle();
    const held = targetsOf(state).find(({ lease }) => lease !== undefined);
    const asked = targetsOf(state).find(({ wait }) => wait?.for === 'approval');
    if (held !== undefined) finish(held, false);
    else if (begin(plan, 0)) continue;
    else if (asked !== undefined) act({ type: 'answer', step: asked.path, decision: 'approve', by: 'x' });
    else if (plan.dueAt !== undefined) now = plan.dueAt;
    else attempt({ type: 'cancel', by: 'x', reason: 'requested' });
  }
  settle();
  return { state, log };
};

const choicesArbitrary = fc.array(fc.nat(100_000), { maxLength: 60 });

describe('any run with waiting steps, under any answers and push-backs', () => {
  it('keeps its counters, plans the same from the frontier, and ends once with nothing waiting', () => {
    fc.assert(
      fc.property(waitingDags, choicesArbitrary, (dag, choices) => {
        const { state, log } = play(dag, choices, () => undefined);
        expect(isTerminalRun(state.status)).toBe(true);
        expect(log.filter(({ type }) => type === 'run_finished')).toHaveLength(1);
        expect([state.leases, state.openSteps, state.waits.size, state.frontier.size]).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: propertyRuns(40) },
    );
  });

  it('replays to the same state from its start and from a checkpoint', () => {
    fc.assert(
      fc.property(waitingDags, choicesArbitrary, (dag, choices) => {
        play(dag, choices, (state, log) => {
          expect(evolveAll(createRunState('default', 'r', dag), log)).toEqual(state);
          expect(decodeRunState(encodeRunState(state), dag, state.graph)).toEqual(state);
        });
      }),
      { numRuns: propertyRuns(6) },
    );
  });

  it('never gives two attempts of a step one number, and answers each wait at most once', () => {
    fc.assert(
      fc.property(waitingDags, choicesArbitrary, (dag, choices) => {
        const { log } = play(dag, choices, () => undefined);
        const attempts = log.flatMap((fact) =>
          fact.type === 'step_finished' || fact.type === 'step_answered' ? [`${fact.step} ${fact.attempt}`] : [],
        );
        expect(new Set(attempts).size).toBe(attempts.length);
        const waits = log.flatMap((fact) => (fact.type === 'step_waiting' ? [`${fact.step} ${fact.attempt}`] : []));
        expect(new Set(waits).size).toBe(waits.length);
      }),
      { numRuns: propertyRuns(20) },
    );
  });

  it('is played through every way a wait can end', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(waitingDags, choicesArbitrary, (dag, choices) => {
        const { log } = play(dag, choices, () => undefined);
        for (const fact of log) {
          if (fact.type === 'step_answered') seen.add(`${fact.decision}${fact.step.endsWith(']') ? ' item' : ''}`);
          if (fact.type === 'step_pushed_back') seen.add(`pushed back ${Math.min(3, fact.round)}`);
        }
      }),
      { numRuns: propertyRuns(120), seed: 17 },
    );
    const wanted = [
      'time',
      'approved',
      'rejected',
      'timed_out',
      'time item',
      'approved item',
      'pushed back 1',
      'message',
    ];
    expect(wanted.filter((each) => !seen.has(each))).toEqual([]);
  });
});
