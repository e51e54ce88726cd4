import type { RunFact } from '@skein/domain';
import type { RunHead } from '@skein/ports';
import type { Report } from './history.ts';

/** A run as the store holds it. */
export interface RunLog {
  readonly head: RunHead;
  readonly facts: readonly RunFact[];
}

type FactOf<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;
type Logs = ReadonlyMap<string, RunLog>;

const factsOf = <T extends RunFact['type']>({ facts }: RunLog, type: T): readonly FactOf<T>[] =>
  facts.filter((fact): fact is FactOf<T> => fact.type === type);

/** The child is the run that its caller says, and was admitted with what the root was admitted with (R4). */
const checkChild = (parent: RunLog, called: FactOf<'step_called'>, logs: Logs, report: Report): void => {
  const name = `run ${called.childRunId}, called by ${parent.head.runId} ${called.step},`;
  const child = logs.get(called.childRunId);
  if (child === undefined) {
    report(`${name} was never created`);
    return;
  }
  const [submitted] = factsOf(child, 'run_submitted');
  const source = submitted?.source;
  const isSame =
    source?.kind === 'call' &&
    source.parentRunId === parent.head.runId &&
    source.step === called.step &&
    source.attempt === called.attempt;
  if (!isSame || child.head.dagDigest !== called.dagDigest) report(`${name} is another run than its caller says`);
  const [admitted] = factsOf(child, 'run_admitted');
  const root = logs.get(source?.kind === 'call' ? source.rootRunId : '');
  const [rootAdmitted] = root === undefined ? [] : factsOf(root, 'run_admitted');
  if (rootAdmitted === undefined) report(`${name} has no admitted root`);
  const withWhat = ({ agents, snapshotDigest, memory }: FactOf<'run_admitted'> | FactOf<'run_migrated'>): string =>
    JSON.stringify([agents, snapshotDigest, rootAdmitted?.calls, memory]);
  // A caller that was migrated gives its later calls what it uses then.
  const given = [rootAdmitted, ...factsOf(parent, 'run_migrated')].flatMap((fact) => fact ?? []);
  const sameCalls = JSON.stringify(admitted?.calls) === JSON.stringify(rootAdmitted?.calls);
  if (admitted !== undefined && rootAdmitted !== undefined) {
    if (!sameCalls || !given.some((fact) => withWhat(fact) === withWhat(admitted)))
      report(`${name} was admitted with something else than its root`);
  }
  if (admitted === undefined && child.head.status !== 'cancelled') report(`${name} was never admitted`);
};

const outcomeOf = ({ result }: FactOf<'step_returned'>): string => {
  const { outcome } = result;
  return outcome.status === 'failed' && outcome.error.code === 'cancelled' ? 'cancelled' : outcome.status;
};

/** Each call returns once, after its child's end, and says what became of it; its child was told to stop once at most. */
const checkReturn = (parent: RunLog, called: FactOf<'step_called'>, logs: Logs, report: Report): void => {
  const name = `run ${called.childRunId}, called by ${parent.head.runId} ${called.step},`;
  const returns = factsOf(parent, 'step_returned').filter(({ childRunId }) => childRunId === called.childRunId);
  if (returns.length > 1) report(`${name} returned twice`);
  const [returned] = returns;
  const child = logs.get(called.childRunId)?.head;
  if (returned === undefined) {
    report(`${name} never returned`);
    return;
  }
  if (returned.step !== called.step || returned.attempt !== called.attempt) report(`${name} returned to another step`);
  if (child === undefined) return;
  const told = factsOf(logs.get(called.childRunId) ?? parent, 'cancel_requested').filter(
    ({ by }) => by === `run ${parent.head.runId}`,
  );
  if (told.length > 1) report(`${name} was told to stop twice`);
  // A failure may be a cancel further down.
  const agrees =
    child.status === outcomeOf(returned) || (child.status === 'failed' && returned.result.outcome.status === 'failed');
  if (!agrees) report(`${name} ended ${child.status} and returned ${outcomeOf(returned)}`);
  if (child.status === 'succeeded' && returned.result.outputs['value'] === undefined)
    report(`${name} lost its outputs`);
};

/** No step has two calls open. */
const checkOpen = (parent: RunLog, report: Report): void => {
  const open = new Map<string, string>();
  for (const fact of parent.facts) {
    if (fact.type === 'step_called') {
      if (open.has(fact.step)) report(`${parent.head.runId} ${fact.step}: calls although a call is open`);
      open.set(fact.step, fact.childRunId);
    }
    if (fact.type === 'step_returned' && open.get(fact.step) === fact.childRunId) open.delete(fact.step);
  }
  if (open.size > 0) report(`run ${parent.head.runId} ended with open calls: ${[...open.keys()].join(', ')}`);
};

/** Each called run exists exactly once, each run that says that it was called was, and caller and child agree on the end; instants are compared when no clock was set. */
export const checkCalls = (logs: Logs, report: Report, clocksAgreed: boolean): void => {
  const calledBy = new Map<string, string>();
  for (const log of logs.values()) {
    checkOpen(log, report);
    for (const called of factsOf(log, 'step_called')) {
      if (calledBy.has(called.childRunId)) report(`run ${called.childRunId} was called twice`);
      calledBy.set(called.childRunId, log.head.runId);
      checkChild(log, called, logs, report);
      checkReturn(log, called, logs, report);
    }
  }
  for (const { head } of logs.values()) {
    if (head.parentRunId !== calledBy.get(head.runId))
      report(
        `run ${head.runId} says that ${head.parentRunId ?? 'nobody'} called it, the logs say ${calledBy.get(head.runId) ?? 'nobody'}`,
      );
    const parent = head.parentRunId === undefined ? undefined : logs.get(head.parentRunId)?.head;
    if (
      clocksAgreed &&
      parent?.finishedAt !== undefined &&
      (head.finishedAt ?? Number.POSITIVE_INFINITY) > parent.finishedAt
    )
      report(`run ${head.runId} outlived its caller`);
  }
};
