import type { JsonValue, RunFact, RunState, RunView } from '@skein/domain';
import {
  canonicalJson,
  createRunState,
  decodeRunState,
  defaultTenant,
  encodeRunState,
  evolve,
  isHandlerId,
  isSettledStep,
  isTerminalRun,
  planRun,
  planRunFully,
  viewRun,
} from '@skein/domain';
import type { RunHead } from '@skein/ports';
import type { Report, RunLog } from './check-calls.ts';
import { checkCalls } from './check-calls.ts';
import type { World } from './create-world.ts';

/** Who asked for a run, and what they were told. */
export interface AskedRun {
  readonly key: string;
  readonly runId?: string;
  readonly error?: string;
}

/** R1: one end, and nothing after it. */
const checkEnd = (head: RunHead, facts: readonly RunFact[], report: Report): void => {
  const ends = facts.filter(({ type }) => type === 'run_finished').length;
  if (!isTerminalRun(head.status)) report(`run ${head.runId} never ended: ${head.status}`);
  if (ends !== 1) report(`run ${head.runId} has ${ends} ends`);
  if (facts.at(-1)?.type !== 'run_finished') report(`run ${head.runId} goes on after its end`);
  if (facts[0]?.type !== 'run_submitted' || facts.filter(({ type }) => type === 'run_submitted').length !== 1) {
    report(`run ${head.runId} was not submitted exactly once`);
  }
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

/** R2, D3: every result is by the holder of the current token, who did produce it; at most one live lease per step. */
const checkTokens = (world: World, head: RunHead, facts: readonly RunFact[], report: Report): void => {
  const live = new Map<string, { readonly token: number; readonly workerId: string; readonly attempt: number }>();
  const settledBy = new Map<string, number>();
  facts.forEach((fact, index) => {
    const seq = index + 1;
    if (fact.type === 'step_leased') {
      if (live.has(fact.step)) report(`${head.runId} ${fact.step}: leased at ${seq} although it is leased`);
      if (settledBy.has(fact.step)) report(`${head.runId} ${fact.step}: leased at ${seq} although it is settled`);
      live.set(fact.step, { token: seq, workerId: fact.workerId, attempt: fact.attempt });
    }
    if (fact.type === 'step_lost') {
      const lease = live.get(fact.step);
      if (lease?.token !== fact.token)
        report(`${head.runId} ${fact.step}: lost at ${seq} under a token that is not current`);
      if (fact.reason === 'worker_forgot' && lease !== undefined) checkForgotten(world, head, fact, report);
      live.delete(fact.step);
    }
    if (fact.type !== 'step_finished') return;
    const lease = live.get(fact.step);
    if (lease?.token !== fact.token || lease.workerId !== fact.workerId || lease.attempt !== fact.attempt) {
      report(`${head.runId} ${fact.step}: finished at ${seq} by someone who does not hold the current lease`);
    }
    live.delete(fact.step);
    const produced = world.ledger.find(
      ({ runId, step, token, workerId }) =>
        runId === head.runId && step === fact.step && token === fact.token && workerId === fact.workerId,
    );
    const { status } = fact.result.outcome;
    const stoppedUnasked = status === 'failed' && produced?.outcome === 'cancelled';
    if (produced === undefined || (produced.outcome !== status && !stoppedUnasked)) {
      report(
        `${head.runId} ${fact.step}: the result at ${seq} (${status}) was never produced under token ${fact.token}`,
      );
    }
    if (fact.retryAt !== undefined) return;
    if (settledBy.has(fact.step))
      report(`${head.runId} ${fact.step}: settled twice, at ${settledBy.get(fact.step)} and ${seq}`);
    settledBy.set(fact.step, seq);
  });
  if (live.size > 0) report(`run ${head.runId} ended with live leases: ${[...live.keys()].join(', ')}`);
};

const samePlan = (state: RunState, now: number): boolean =>
  JSON.stringify(planRun(state, now)) === JSON.stringify(planRunFully(state, now));

const textOf = (view: RunView | undefined): string => canonicalJson((view ?? null) as unknown as JsonValue);

/** The log alone gives the state, the head and the plan; a checkpoint at any place changes nothing. */
const checkReplay = async (world: World, head: RunHead, facts: readonly RunFact[], report: Report): Promise<void> => {
  const stored = await world.stores.projects.findDagByDigest(head.tenant, head.dagDigest);
  if (stored === undefined) {
    report(`run ${head.runId}: its DAG is not stored`);
    return;
  }
  let state = createRunState(head.tenant, head.runId, stored.dag);
  facts.forEach((fact, index) => {
    evolve(state, fact);
    if (!samePlan(state, fact.at)) report(`run ${head.runId}: the two planners differ after fact ${index + 1}`);
    if (index % 5 === 4) state = decodeRunState(encodeRunState(state), stored.dag);
  });
  if (head.seq !== facts.length || head.seq !== state.seq)
    report(`run ${head.runId}: head ${head.seq}, log ${facts.length}`);
  if (head.status !== state.status || head.snapshotDigest !== state.snapshotDigest || head.partial !== state.partial) {
    report(`run ${head.runId}: the head does not say what the log says`);
  }
  if (state.leases !== 0) report(`run ${head.runId}: ${state.leases} leases leaked`);
  for (const step of state.steps.values()) {
    // Handlers that do not apply stay as they are.
    if (isHandlerId(step.path) && step.status === 'pending') continue;
    if (!isSettledStep(step.status)) report(`run ${head.runId}: step ${step.path} is ${step.status} at the end`);
    for (const item of step.fanout?.states ?? []) {
      if (!isSettledStep(item.status)) report(`run ${head.runId}: item ${item.path} is ${item.status} at the end`);
    }
  }
  if (state.paramsRef !== undefined) {
    const bytes = await world.stores.blobs.get(head.tenant, state.paramsRef.digest);
    state.params = JSON.parse(new TextDecoder().decode(bytes)) as RunState['params'];
  }
  const shown = await world.coordinator?.api.getRun(head.tenant, head.runId);
  if (textOf(shown) !== textOf(viewRun(state)))
    report(`run ${head.runId}: the coordinator shows another state than the log`);
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

/** The oracle: every invariant that must hold once a world has come to rest. An empty list is a pass. */
export const checkWorld = async (world: World, asked: readonly AskedRun[]): Promise<readonly string[]> => {
  const problems: string[] = [];
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
  for (const runId of accepted)
    if (!roots.some((head) => head.runId === runId)) report(`accepted run ${runId} is lost`);
  const logs = new Map<string, RunLog>();
  for (const head of heads) {
    const facts = await world.stores.runs.readFacts(head.tenant, head.runId, 0);
    logs.set(head.runId, { head, facts });
    checkEnd(head, facts, report);
    checkTokens(world, head, facts, report);
    await checkReplay(world, head, facts, report);
  }
  checkCalls(logs, report);
  checkExecutions(world, report);
  problems.push(...world.seen);
  for (const worker of world.coordinator?.api.listWorkers() ?? []) {
    if (worker.running !== 0) report(`worker ${worker.workerId} is said to hold ${worker.running} tasks`);
  }
  for (const line of world.lines) {
    // A disk that fails is said aloud; everything else is a bug.
    const isTold = line.message.startsWith('the store takes no writes');
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
