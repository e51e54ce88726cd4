import { expect } from 'vitest';
import type { RunFact, RunPlan, RunState, StepPath, StepState } from '../src/index.ts';
import {
  createRunState,
  deliveryRecords,
  deliveryTransitions,
  evolve,
  findTarget,
  isSettledStep,
  messageViewsOf,
  taskDeliveryState,
} from '../src/index.ts';

const targetsOf = (state: RunState): readonly StepState[] =>
  [...state.steps.values()].flatMap((step) => [step, ...(step.fanout?.states ?? [])]);

/** M1 and M2: who is unread is known, in order, and nobody is once the step is settled and the plan makes no more facts. */
export const messageFaults = (state: RunState, plan: RunPlan): readonly string[] => {
  const faults: string[] = [];
  for (const { path, mailbox, status } of targetsOf(state)) {
    const unread = (mailbox?.messages ?? []).filter((message) => message.state === 'accepted').length;
    if ((mailbox?.unread ?? 0) !== unread) faults.push(`${path}: unread ${mailbox?.unread}, accepted ${unread}`);
    if (state.unread.has(path) !== unread > 0) faults.push(`${path}: unread is not known`);
    if (mailbox?.messages.some(({ number }, place) => number !== place + 1) === true) faults.push(`${path}: numbers`);
    if (unread > 0 && isSettledStep(status) && plan.facts.length === 0) faults.push(`${path}: settled and unread`);
  }
  return faults;
};

const checkpointTypes: readonly string[] = ['turn_planned', 'tool_done', 'message_replied'];

/** What an attempt goes on from are durable points of its own step, in order; a settled step has none. */
export const progressFaults = (state: RunState, log: readonly RunFact[]): readonly string[] => {
  const faults: string[] = [];
  for (const { path, progress, status } of targetsOf(state)) {
    let before = 0;
    for (const seq of progress?.seqs ?? []) {
      const fact = log[seq - 1];
      const isPoint = fact !== undefined && checkpointTypes.includes(fact.type) && 'step' in fact && fact.step === path;
      if (!isPoint || seq <= before) faults.push(`${path}: ${seq} is no point to go on from`);
      before = seq;
    }
    if (isSettledStep(status) && (progress?.seqs.length ?? 0) > 0) faults.push(`${path}: settled, with progress`);
  }
  return faults;
};

/** D3, D5 and the table of tasks, fact by fact. */
const logFaults = (end: RunState, log: readonly RunFact[]): readonly string[] => {
  const faults: string[] = [];
  const state = createRunState(end.tenant, end.runId, end.dag, end.graph);
  const consumed = new Map<StepPath, Set<number>>();
  for (const fact of log) {
    const target = 'step' in fact ? findTarget(state, fact.step)?.target : undefined;
    const was = target && taskDeliveryState(target);
    const token = target?.lease?.token;
    evolve(state, fact);
    const is = target && taskDeliveryState(target);
    if (was !== undefined && is !== undefined && was !== is && !deliveryTransitions.task[was].includes(is))
      faults.push(`${fact.type}: ${was} to ${is}`);
    if ('entry' in fact && fact.token !== token) faults.push(`${fact.type} under ${fact.token}, not ${token}`);
    const isDropped = fact.type === 'step_finished' && fact.retryAt !== undefined;
    if (fact.type === 'agent_restarted' || isDropped) consumed.delete(fact.step);
    if (fact.type !== 'turn_planned') continue;
    const read = consumed.get(fact.step) ?? new Set();
    consumed.set(fact.step, read);
    for (const number of fact.entry.consumed ?? []) {
      if (read.has(number)) faults.push(`${fact.step}: ${number} is consumed twice in one transcript`);
      read.add(number);
    }
  }
  return faults;
};

const terminal: readonly string[] = ['consumed', 'replied', 'expired', 'rejected', 'dead_lettered'];

/** What holds for the messages, checkpoints and records of every run that is over. */
export const checkMessages = (end: RunState, log: readonly RunFact[]): void => {
  const faults = [...logFaults(end, log)];
  for (const { path, mailbox } of targetsOf(end)) {
    if (mailbox === undefined) continue;
    const states = mailbox.messages.map((message) => message.state);
    if (!states.every((each) => terminal.includes(each))) faults.push(`${path}: ${states.join()}`);
    const shown = messageViewsOf(end.runId, path, log).map((view) => view.state);
    if (shown.join() !== states.join()) faults.push(`${path}: ${states.join()}, shown as ${shown.join()}`);
  }
  expect(faults).toEqual([]);
  const { deadLetters, events } = deliveryRecords(end, log);
  const ended = log.filter(({ type }) => type === 'message_ended').length;
  const letters = log.filter((fact) => fact.type === 'step_lost' && fact.deadLetter !== undefined).length;
  expect(events).toHaveLength(ended + letters);
  expect(events.filter(({ kind }) => kind === 'dead_lettered')).toHaveLength(deadLetters.length);
  expect(new Set(deadLetters.map(({ id }) => id)).size).toBe(deadLetters.length);
};
