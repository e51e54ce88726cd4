import type { RunFact, RunState } from '@skein/domain';
import { defaultTenant, isHandlerId, isSettledStep, isTerminalRun } from '@skein/domain';
import type { RunHead } from '@skein/ports';
import { assertNoDroppedDeliveries, assertNoLost } from './assert-deliveries.ts';
import { assertNoDuplicateEffects } from './assert-effects.ts';
import { assertFenced } from './assert-fenced.ts';
import { assertConsumedOnce, assertOrderPerKey } from './assert-messages.ts';
import { assertEventsReplayToState, foldHistory } from './assert-replay.ts';
import type { RunLog } from './check-calls.ts';
import { checkCalls } from './check-calls.ts';
import type { World } from './create-world.ts';
import type { History, Report, RunHistory } from './history.ts';
import { messagesOf } from './mailboxes.ts';

/** Who asked for a run, and what they were told. */
export interface AskedRun {
  readonly key: string;
  readonly runId?: string;
  readonly error?: string;
}

/** R1: one admission, and an end. */
const checkEnd = (head: RunHead, facts: readonly RunFact[], report: Report): void => {
  if (!isTerminalRun(head.status)) report(`run ${head.runId} never ended: ${head.status}`);
  if (facts.filter(({ type }) => type === 'run_admitted').length > 1) report(`run ${head.runId} was admitted twice`);
};

/** R5: a worker that has told its result tells it again until it is acknowledged. */
const checkForgotten = (
  world: World,
  { runId }: RunHead,
  { step, token }: Extract<RunFact, { readonly type: 'step_lost' }>,
  report: Report,
): void => {
  if (world.arrived.has(`${runId} ${step} ${token}`))
    report(`${runId} ${step}: the result under token ${token} arrived and was forgotten`);
};

/** R2: every result was produced by the worker that told it; and none was forgotten that had arrived. */
const checkResults = (world: World, head: RunHead, facts: readonly RunFact[], report: Report): void => {
  facts.forEach((fact, index) => {
    if (fact.type === 'step_lost' && fact.reason === 'worker_forgot') checkForgotten(world, head, fact, report);
    if (fact.type !== 'step_finished') return;
    const produced = world.ledger.find(
      ({ runId, step, token, workerId }) =>
        runId === head.runId && step === fact.step && token === fact.token && workerId === fact.workerId,
    );
    const { status } = fact.result.outcome;
    const stoppedUnasked = status === 'failed' && produced?.outcome === 'cancelled';
    if (produced === undefined || (produced.outcome !== status && !stoppedUnasked)) {
      report(
        `${head.runId} ${fact.step}: the result at ${index + 1} (${status}) was never produced under token ${fact.token}`,
      );
    }
  });
};

/** What the log says at the end, besides what the list and the coordinator show of it. */
const checkRest = (head: RunHead, state: RunState, report: Report): void => {
  if (head.snapshotDigest !== state.snapshotDigest || head.partial !== state.partial)
    report(`run ${head.runId}: the head does not say what the log says`);
  if (state.leases !== 0) report(`run ${head.runId}: ${state.leases} leases leaked`);
  for (const step of state.steps.values()) {
    // Handlers that do not apply stay as they are.
    if (isHandlerId(step.path) && step.status === 'pending') continue;
    if (!isSettledStep(step.status)) report(`run ${head.runId}: step ${step.path} is ${step.status} at the end`);
    for (const item of step.fanout?.states ?? []) {
      if (!isSettledStep(item.status)) report(`run ${head.runId}: item ${item.path} is ${item.status} at the end`);
    }
  }
};

/** A message that was sent again is the same message: its text is in each mailbox once. */
const checkRepeated = (run: RunHistory, report: Report): void => {
  const texts = new Set<string>();
  for (const { step, number, text } of messagesOf(run)) {
    if (number === 1) for (const known of texts) if (known.startsWith(`${step} `)) texts.delete(known);
    if (texts.has(`${step} ${text}`)) report(`${run.runId} ${step}: message ${number} was taken twice`);
    texts.add(`${step} ${text}`);
  }
};

/** Runs as the store and a coordinator show them. */
export const runsOf = async (world: World, heads: readonly RunHead[]): Promise<readonly RunHistory[]> => {
  const runs: RunHistory[] = [];
  for (const head of heads) {
    const { tenant, runId } = head;
    const facts = await world.stores.runs.readFacts(tenant, runId, 0);
    const dag = (await world.stores.projects.findDagByDigest(tenant, head.dagDigest))?.dag;
    const view = await world.coordinator?.api.getRun(tenant, runId);
    runs.push({
      runId,
      facts,
      head,
      ...(dag === undefined ? {} : { dag }),
      ...(view === undefined ? {} : { view }),
    });
  }
  return runs;
};

/** All that the world did, as the helpers of the oracle read it. */
const historyOf = async (world: World, heads: readonly RunHead[], asked: Asked): Promise<History> => {
  const runs = await runsOf(world, heads);
  const { items: events } = await world.stores.delivery.readEvents(defaultTenant, 0, 100_000);
  const { items: deadLetters } = await world.stores.delivery.listDeadLetters({ tenant: defaultTenant, limit: 10_000 });
  const accepted = asked.runs.flatMap(({ runId }) => (runId === undefined ? [] : [{ runId }]));
  return { runs, accepted, acceptedMessages: asked.messages, events, deadLetters, effects: world.effects };
};

/** One token starts step code at most once, and a step is started at most once per lease. */
const checkExecutions = (world: World, report: Report): void => {
  const seen = new Set<string>();
  for (const { runId, step, token, started } of world.ledger) {
    if (!started) continue;
    const key = `${runId} ${step} ${token}`;
    if (seen.has(key)) report(`${key} was executed twice under one token`);
    seen.add(key);
  }
};

/** Every run of a world, those that others called included. */
export const allRuns = async (world: World): Promise<readonly RunHead[]> => {
  const { runs } = world.stores;
  const heads = [...(await runs.listRuns({ tenant: defaultTenant, limit: 10_000 })).items];
  // The list grows while it is walked.
  for (const { tenant, runId: parentRunId } of heads) {
    heads.push(...(await runs.listRuns({ tenant, parentRunId, limit: 10_000 })).items);
  }
  return heads;
};

/** Errors that are to be said: the store failed, and what was to be written is tried again. */
const told = [
  'the store takes no writes',
  'an action on a rollout could not be written',
  'no sign of life could be given',
] as const;

/** What was asked of a world, and what it took. */
interface Asked {
  readonly runs: readonly AskedRun[];
  readonly messages: History['acceptedMessages'];
}

/** The oracle: every invariant that must hold once a world has come to rest. An empty list is a pass. */
export const checkWorld = async (
  world: World,
  asked: readonly AskedRun[],
  messages: History['acceptedMessages'] = [],
): Promise<readonly string[]> => {
  const problems: string[] = [];
  const clocksAgreed = !world.clocksJumped;
  const report: Report = (problem) => problems.push(problem);
  const heads = await allRuns(world);
  const roots = heads.filter(({ parentRunId }) => parentRunId === undefined);
  const accepted = new Set<string>();
  for (const { key, runId, error } of asked) {
    if (error !== undefined) report(`request ${key} was refused: ${error}`);
    else if (runId === undefined) report(`request ${key} was never answered`);
    else if (accepted.has(runId)) report(`run ${runId} answers two requests`);
    else accepted.add(runId);
  }
  if (roots.length !== accepted.size) report(`${roots.length} runs for ${accepted.size} accepted requests`);
  const history = await historyOf(world, heads, { runs: asked, messages });
  assertNoLost(history, report);
  assertNoDuplicateEffects(history, report);
  assertNoDroppedDeliveries(history, report);
  assertFenced(history, report);
  assertOrderPerKey(history, report);
  assertConsumedOnce(history, report);
  assertEventsReplayToState(history, report);
  const logs = new Map<string, RunLog>();
  heads.forEach((head, index) => {
    const run = history.runs[index];
    if (run === undefined) return;
    const { facts } = run;
    logs.set(head.runId, { head, facts });
    checkEnd(head, facts, report);
    checkResults(world, head, facts, report);
    checkRepeated(run, report);
    const state = foldHistory(run, () => undefined);
    if (state === undefined) report(`run ${head.runId}: its DAG is not stored`);
    else checkRest(head, state, report);
  });
  checkCalls(logs, report, clocksAgreed);
  checkExecutions(world, report);
  problems.push(...world.seen);
  for (const worker of world.coordinator?.api.listWorkers(defaultTenant) ?? []) {
    if (worker.running !== 0) report(`worker ${worker.workerId} is said to hold ${worker.running} tasks`);
  }
  for (const line of world.lines) {
    // A disk that fails is said aloud; everything else is a bug.
    const isTold = told.some((message) => line.message.startsWith(message));
    if (line.level === 'error' && line.fields['process'] === 'coordinator' && !isTold) {
      const { error, ...fields } = line.fields;
      const cause =
        error instanceof Error
          ? `${error.message} ${(error.stack ?? '').split('\n').slice(1, 4).join(' ')}`
          : String(error);
      report(`the coordinator logged an error: ${line.message} ${JSON.stringify(fields)} ${cause}`);
    }
  }
  return problems;
};
