import { dagOf, stepOf } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dag, JsonValue, RunCommand, RunFact, RunState, StepPath, TaskOutcome } from '../index.ts';
import {
  createRunState,
  decide,
  decodeRunState,
  encodeRunState,
  evolve,
  evolveAll,
  findTarget,
  isSettledStep,
  isTerminalRun,
  planRun,
  planRunFully,
} from '../index.ts';

/** Random small DAGs: dependencies only on earlier steps, some fan-outs, retries, tolerance. */
const dagArbitrary: fc.Arbitrary<Dag> = fc
  .array(
    fc.record({
      depends: fc.uniqueArray(fc.nat(6), { maxLength: 3 }),
      fanout: fc.option(fc.record({ count: fc.nat(4), maxConcurrent: fc.integer({ min: 1, max: 3 }) }), {
        nil: undefined,
        freq: 4,
      }),
      retries: fc.nat(2),
      tolerate: fc.boolean(),
      toleratesSkip: fc.boolean(),
      lossFails: fc.boolean(),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((specs) =>
    dagOf(
      specs.map((spec, place) =>
        stepOf(`s${place}`, {
          depends: spec.depends.filter((dependency) => dependency < place).map((dependency) => `s${dependency}`),
          onWorkerLoss: spec.lossFails ? 'fail' : 'retry',
          continueOn: {
            failure: spec.tolerate,
            skipped: spec.toleratesSkip,
            exitCodes: [],
            output: [],
            markSuccess: false,
          },
          ...(spec.retries > 0
            ? { retryPolicy: { limit: spec.retries, intervalMs: 10, backoff: 1, exitCodes: [] } }
            : {}),
          ...(spec.fanout === undefined
            ? {}
            : {
                foreach: {
                  items: Array.from({ length: spec.fanout.count }, (_, item) => item),
                  maxConcurrent: spec.fanout.maxConcurrent,
                },
              }),
        }),
      ),
    ),
  );

const outcomes: readonly TaskOutcome[] = [
  { status: 'succeeded' },
  { status: 'succeeded' },
  { status: 'failed', error: { code: 'internal', message: 'no' } },
  { status: 'skipped' },
  { status: 'released' },
  { status: 'cancelled' },
];

const heldPaths = (state: RunState): StepPath[] =>
  [...state.steps.values()]
    .flatMap((step) => [step, ...(step.fanout?.states ?? [])])
    .flatMap((each) => (each.lease === undefined ? [] : [each.path]));

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

interface Played {
  readonly state: RunState;
  readonly log: readonly RunFact[];
}

/** Plays random choices against a run, then drives it fairly to its end; checks what must hold after every step. */
const play = (
  dag: Dag,
  choices: readonly number[],
  check: (state: RunState, log: readonly RunFact[], now: number) => void,
): Played => {
  const state = createRunState('default', 'r', dag);
  const log: RunFact[] = [];
  const results = new Map<string, number>();
  let now = 1;
  const apply = (facts: readonly RunFact[]) => {
    for (const fact of facts) {
      log.push(fact);
      evolve(state, fact);
      if (fact.type === 'step_finished' && fact.retryAt === undefined)
        results.set(fact.step, (results.get(fact.step) ?? 0) + 1);
    }
  };
  const act = (command: RunCommand) => {
    const decision = decide(state, command, now);
    if (decision.ok) apply(decision.value);
    return decision.ok;
  };
  const settle = () => {
    for (let plan = planRun(state, now); plan.facts.length > 0; plan = planRun(state, now)) {
      expect(planRunFully(state, now)).toEqual(plan);
      apply(plan.facts);
    }
    const plan = planRun(state, now);
    expect(planRunFully(state, now)).toEqual(plan);
    return plan;
  };
  act({ type: 'submit', dagDigest: 'sha256:0', params: {}, routingContext: {}, priority: 0, source: { kind: 'api' } });
  act({ type: 'admit', agents: {} });
  const step = (choice: number) => {
    const plan = settle();
    check(state, log, now);
    const held = heldPaths(state);
    const kind = choice % 8;
    const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(choice / 64) % Math.max(1, list.length)];
    if (kind === 7 && choice % 5 === 0) act({ type: 'cancel', by: 'x', reason: 'requested' });
    else if (kind === 6) now += 20;
    else if (kind === 5 && held.length > 0) {
      const path = pick(held) ?? '';
      const token = findTarget(state, path)?.target.lease?.token ?? 0;
      expect(act({ type: 'lose', step: path, token, reason: 'lease_lapsed', started: choice % 3 !== 0 })).toBe(true);
    } else if (kind >= 3 && held.length > 0) {
      expect(
        act(
          finishOf(
            state,
            pick(held) ?? '',
            outcomes[Math.floor(choice / 8) % outcomes.length] ?? { status: 'succeeded' },
          ),
        ),
      ).toBe(true);
    } else if (plan.expand.length > 0) {
      const id = pick(plan.expand) ?? '';
      const items = dag.steps.find((each) => each.id === id)?.foreach?.items ?? [];
      expect(
        act({ type: 'expand', step: id, count: items.length, items: { inline: Array.from(items) as JsonValue[] } }),
      ).toBe(true);
    } else if (plan.ready.length > 0) {
      expect(act({ type: 'lease', step: pick(plan.ready)?.step ?? '', workerId: 'w', sessionId: 's' })).toBe(true);
    }
  };
  for (const choice of choices) step(choice);
  for (let turn = 0; turn < 2_000 && !isTerminalRun(state.status); turn += 1) {
    const plan = settle();
    const [held] = heldPaths(state);
    if (held !== undefined) act(finishOf(state, held, { status: 'succeeded' }));
    else if (plan.expand[0] !== undefined) step(0);
    else if (plan.ready[0] !== undefined)
      act({ type: 'lease', step: plan.ready[0].step, workerId: 'w', sessionId: 's' });
    else if (plan.dueAt !== undefined) now = plan.dueAt;
  }
  check(state, log, now);
  for (const count of results.values()) expect(count).toBe(1);
  return { state, log };
};

const choicesArbitrary = fc.array(fc.nat(100_000), { maxLength: 60 });

describe('any run under any interleaving', () => {
  it('ends in one terminal state with every step settled and no lease left', () => {
    fc.assert(
      fc.property(dagArbitrary, choicesArbitrary, (dag, choices) => {
        const { state, log } = play(dag, choices, () => undefined);
        expect(isTerminalRun(state.status)).toBe(true);
        expect(log.filter((fact) => fact.type === 'run_finished')).toHaveLength(1);
        expect(log.at(-1)?.type).toBe('run_finished');
        for (const step of state.steps.values()) expect(isSettledStep(step.status)).toBe(true);
        expect([state.leases, state.openSteps, state.frontier.size]).toEqual([0, 0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it('plans the same from the frontier as from every step, and the log replays to the same state', () => {
    fc.assert(
      fc.property(dagArbitrary, choicesArbitrary, (dag, choices) => {
        play(dag, choices, (state, log) => {
          expect(evolveAll(createRunState('default', 'r', dag), log)).toEqual(state);
          expect(decodeRunState(encodeRunState(state), dag, state.graph)).toEqual(state);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('leases a step only when all its dependencies are settled, and never twice at once', () => {
    fc.assert(
      fc.property(dagArbitrary, choicesArbitrary, (dag, choices) => {
        const { log } = play(dag, choices, () => undefined);
        const state = createRunState('default', 'r', dag);
        let token = 0;
        for (const fact of log) {
          if (fact.type === 'step_leased') {
            const found = findTarget(state, fact.step);
            expect(found?.target.lease).toBeUndefined();
            for (const id of state.graph.byId.get(found?.step.path ?? '')?.depends ?? []) {
              expect(isSettledStep(state.steps.get(id)?.status ?? 'pending')).toBe(true);
            }
            evolve(state, fact);
            expect(state.seq).toBeGreaterThan(token);
            token = state.seq;
          } else evolve(state, fact);
        }
      }),
      { numRuns: 150 },
    );
  });
});
