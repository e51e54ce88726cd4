import { propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkMessages, messageFaults, progressFaults } from '../../test/agent-faults.ts';
import { calledPaths, choicesArbitrary, dagArbitrary, leasedPaths, playRun } from '../../test/random-run.ts';
import type { Dag, RunFact, RunPlan, RunState, StepPath } from '../index.ts';
import {
  createRunState,
  decodeRunState,
  encodeRunState,
  evolve,
  evolveAll,
  findTarget,
  isHandlerId,
  isSettledStep,
  isStopping,
  isTerminalRun,
} from '../index.ts';

const isOpen = (state: RunState, id: string): boolean => !isSettledStep(state.steps.get(id)?.status ?? 'succeeded');

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.toSorted().join() === other.toSorted().join();

const pathsOf = (list: readonly { readonly step: StepPath }[]): readonly StepPath[] => list.map(({ step }) => step);

/** Counters say what is there. */
const countFaults = (state: RunState): readonly string[] => {
  const faults: string[] = [];
  const held = leasedPaths(state).length + calledPaths(state).length;
  if (state.leases !== held) faults.push(`leases ${state.leases}, held ${held}`);
  let open = 0;
  for (const { path, status, fanout } of state.steps.values()) {
    if (!isHandlerId(path) && !isSettledStep(status)) open += 1;
    if (fanout === undefined) continue;
    const items = fanout.states.filter(({ lease, call }) => lease !== undefined || call !== undefined).length;
    const most = state.graph.byId.get(path)?.foreach?.maxConcurrent ?? 0;
    if (fanout.leased !== items || items > most) faults.push(`${path}: leased ${fanout.leased}, held ${items}`);
  }
  if (state.openSteps !== open) faults.push(`openSteps ${state.openSteps}, open ${open}`);
  return faults;
};

/** Calls are for nobody to lease, and the other way round; what is to stop is all that is held; a run is never stuck. */
const planFaults = (state: RunState, plan: RunPlan): readonly string[] => {
  const faults: string[] = [];
  const isCall = (path: StepPath) =>
    state.graph.byId.get(findTarget(state, path)?.step.path ?? '')?.action.kind === 'call';
  if (!pathsOf(plan.calls).every(isCall) || pathsOf(plan.ready).some(isCall)) faults.push('calls among tasks');
  const begins = plan.ready.length + plan.calls.length + plan.expand.length;
  const isRunning = state.status === 'running' && plan.facts.length === 0;
  if (isRunning && isStopping(state)) {
    if (begins > 0) faults.push('something begins that is to stop');
    if (!same(pathsOf(plan.cancel), leasedPaths(state))) faults.push('not every lease is told to stop');
    if (!same(pathsOf(plan.cancelCalls), calledPaths(state))) faults.push('not every child is told to stop');
  } else if (plan.cancel.length + plan.cancelCalls.length > 0) faults.push('something is stopped for no reason');
  if (isRunning && state.leases + begins === 0 && plan.dueAt === undefined) faults.push('stuck');
  return faults;
};

/** H1 and H2: before the graph there is `@init` alone, after it one handler at a time, of the outcome. */
const phaseFaults = (state: RunState): readonly string[] => {
  const faults: string[] = [];
  const graph = [...state.steps.values()].filter(({ path }) => !isHandlerId(path));
  const handlers = [...state.steps.values()].filter(({ path }) => isHandlerId(path));
  const begun = handlers.filter(({ status }) => status !== 'pending');
  if (begun.filter(({ status }) => !isSettledStep(status)).length > 1) faults.push('two handlers at once');
  if (isOpen(state, '@init') && state.cancel === undefined) {
    if (graph.some(({ status }) => status !== 'pending' && status !== 'succeeded')) faults.push('graph before @init');
  }
  if (state.closing !== undefined && (state.openSteps > 0 || isOpen(state, '@init'))) faults.push('closing too early');
  const turns = ['@init'];
  if (state.closing !== undefined)
    turns.push({ succeeded: '@success', failed: '@failure', cancelled: '@abort' }[state.closing.status], '@exit');
  for (const { path } of begun) if (!turns.includes(path)) faults.push(`${path} out of turn`);
  return faults;
};

/** Throws unless all holds that must hold between any two facts of any run. */
const checkState = (state: RunState, log: readonly RunFact[], plan: RunPlan): void => {
  const faults = [...countFaults(state), ...planFaults(state, plan), ...phaseFaults(state)];
  faults.push(...messageFaults(state, plan), ...progressFaults(state, log));
  if (faults.length > 0) throw new Error(faults.join('; '));
};

/** What holds for every run that is over. */
const checkEnd = (state: RunState, log: readonly RunFact[]): void => {
  expect(isTerminalRun(state.status)).toBe(true);
  expect(log.filter((fact) => fact.type === 'run_finished')).toHaveLength(1);
  expect(log.at(-1)?.type).toBe('run_finished');
  expect([state.leases, state.openSteps, state.frontier.size]).toEqual([0, 0, 0]);
  expect([leasedPaths(state), calledPaths(state)]).toEqual([[], []]);
  const closings = log.filter((fact) => fact.type === 'run_closing');
  expect(closings.length).toBeLessThanOrEqual(1);
  const applicable = new Set<string>(['@init']);
  for (const { status } of closings) {
    applicable.add({ succeeded: '@success', failed: '@failure', cancelled: '@abort' }[status]).add('@exit');
  }
  for (const { path, status } of state.steps.values()) {
    if (!isHandlerId(path) || applicable.has(path)) expect(isSettledStep(status)).toBe(true);
    else expect(status).toBe('pending');
  }
  const results = log.filter(
    (fact) => (fact.type === 'step_finished' || fact.type === 'step_returned') && fact.retryAt === undefined,
  );
  const kept = log.flatMap((fact) => (fact.type === 'step_kept' ? [fact.step] : []));
  expect(kept.filter(isHandlerId)).toEqual([]);
  const paths = [...kept, ...results.map((fact) => ('step' in fact ? fact.step : ''))];
  expect(new Set(paths).size).toBe(paths.length);
  const children = log.flatMap((fact) => (fact.type === 'step_called' ? [fact.childRunId] : []));
  const returns = log.flatMap((fact) => (fact.type === 'step_returned' ? [fact.childRunId] : []));
  expect(returns.toSorted()).toEqual(children.toSorted());
};

/** The outcome of the graph stands, but that a handler that failed lets a run fail that had succeeded. */
const checkOutcome = (dag: Dag, state: RunState, log: readonly RunFact[]): void => {
  const closing = log.find((fact) => fact.type === 'run_closing');
  const init = state.steps.get('@init');
  const tolerance = dag.handlers?.init?.continueOn;
  const letsGo =
    init === undefined ||
    init.status === 'succeeded' ||
    (init.status === 'failed' && tolerance?.failure === true) ||
    (init.status === 'skipped' && tolerance?.skipped === true);
  if (!letsGo) {
    expect(['failed', 'cancelled']).toContain(state.status);
    const begun = log.filter((fact) => fact.type === 'step_leased' || fact.type === 'step_called');
    expect(begun.filter(({ step }) => !isHandlerId(step))).toEqual([]);
  }
  // H3: a cancel from before does not stop the handlers that follow.
  if (state.closing?.cancel === undefined) {
    const follow = [...state.steps.values()].filter(({ path }) => isHandlerId(path) && path !== '@init');
    expect(follow.filter(({ status }) => status === 'cancelled')).toEqual([]);
  }
  if (closing === undefined) return;
  const failed = ['@success', '@exit'].some((id) => {
    const name = id === '@exit' ? 'exit' : 'success';
    return state.steps.get(id)?.status === 'failed' && dag.handlers?.[name]?.continueOn.failure === false;
  });
  expect(state.status).toBe(closing.status === 'succeeded' && failed ? 'failed' : closing.status);
};

describe('any run under any interleaving', () => {
  it('ends once, with every step and every handler whose turn came settled, nothing held and no child open', () => {
    fc.assert(
      fc.property(dagArbitrary, choicesArbitrary, (dag, choices) => {
        const { state, log, faults } = playRun(dag, choices, (at, soFar, plan) => checkState(at, soFar, plan));
        expect(faults).toEqual([]);
        checkEnd(state, log);
        checkOutcome(dag, state, log);
        checkMessages(state, log);
      }),
      { numRuns: propertyRuns(50) },
    );
  });

  it('plans the same from the frontier as from every step, and the log replays to the same state', () => {
    fc.assert(
      fc.property(dagArbitrary, choicesArbitrary, (dag, choices) => {
        const { faults } = playRun(dag, choices, (state, log) => {
          expect(evolveAll(createRunState('default', 'r', dag), log)).toEqual(state);
          expect(decodeRunState(encodeRunState(state), dag, state.graph)).toEqual(state);
        });
        expect(faults).toEqual([]);
      }),
      { numRuns: propertyRuns(8) },
    );
  });

  it('leases or calls a step only when all its dependencies and @init are settled, and never twice at once', () => {
    fc.assert(
      fc.property(dagArbitrary, choicesArbitrary, (dag, choices) => {
        const { log } = playRun(dag, choices, () => undefined);
        const state = createRunState('default', 'r', dag);
        let token = 0;
        for (const fact of log) {
          if (fact.type === 'step_leased' || fact.type === 'step_called') {
            const found = findTarget(state, fact.step);
            expect([found?.target.lease, found?.target.call]).toEqual([undefined, undefined]);
            for (const id of state.graph.byId.get(found?.step.path ?? '')?.depends ?? []) {
              expect(isSettledStep(state.steps.get(id)?.status ?? 'pending')).toBe(true);
            }
            if (!isHandlerId(fact.step)) expect(isOpen(state, '@init')).toBe(false);
            evolve(state, fact);
            expect(state.seq).toBeGreaterThan(token);
            token = state.seq;
          } else evolve(state, fact);
        }
      }),
      { numRuns: propertyRuns(30) },
    );
  });

  it('is played through every kind of fact and every phase', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(dagArbitrary, choicesArbitrary, (dag, choices) => {
        const { state, log } = playRun(dag, choices, () => undefined);
        const closingAt = log.findIndex((fact) => fact.type === 'run_closing');
        log.forEach((fact, place) => {
          const phase = closingAt !== -1 && place > closingAt ? 'closing' : 'before';
          const isInit = 'step' in fact && fact.step === '@init' ? 'init' : phase;
          seen.add(`${fact.type} ${isInit}`);
          if (fact.type === 'step_returned' && fact.retryAt !== undefined) seen.add(`child again ${isInit}`);
          if (fact.type === 'step_lost') seen.add(fact.reason).add(fact.deadLetter ?? 'no dead letter');
          if (fact.type === 'step_lost' && fact.retryAt !== undefined) seen.add('lost, later again');
          if (fact.type === 'message_ended') seen.add(`${fact.state} ${fact.reason}`);
          if (fact.type === 'turn_planned' && fact.entry.consumed !== undefined) seen.add('consumed');
        });
        seen.add(`${state.closing?.status ?? 'no handlers'} ${state.status}`);
        if (state.cancel !== undefined && state.closing?.cancel !== undefined) seen.add('cancelled twice');
      }),
      { numRuns: propertyRuns(200), seed: 7 },
    );
    const phases = ['init', 'before', 'closing'];
    const types = ['step_leased', 'step_finished', 'step_lost', 'step_called', 'step_returned', 'secret_released'];
    const wanted = [
      'step_kept before',
      ...[...types, 'child again'].flatMap((type) => phases.map((phase) => `${type} ${phase}`)),
      'cancel_requested before',
      'cancel_requested closing',
      'cancelled twice',
      'no handlers succeeded',
      'succeeded succeeded',
      'succeeded failed',
      'failed failed',
      'cancelled cancelled',
      ...['turn_planned', 'tool_done', 'message_accepted'].flatMap((type) => phases.map((phase) => `${type} ${phase}`)),
      'agent_restarted before',
      'message_replied before',
      'consumed',
      'unread_message',
      'lost, later again',
      'expired ttl_expired',
      'rejected step_finished',
      'dead_lettered step_finished',
    ];
    expect(wanted.filter((each) => !seen.has(each))).toEqual([]);
  });
});
