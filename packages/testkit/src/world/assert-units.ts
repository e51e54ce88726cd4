import type { AgentDecision, RolloutId, RolloutRecord, RolloutUnit, RunId } from '@skein/domain';
import { advanceEvidence, createEvidence, isTerminalRollout } from '@skein/domain';
import type { Report } from './history.ts';
import type { RolloutEnd, RolloutHistory } from './rollout-history.ts';

/** Largest difference between evidence that was kept and evidence that was made anew. */
const tolerance = 1e-9;

/** Where two values differ by more than rounding; undefined when nowhere. */
const difference = (a: unknown, b: unknown, place = ''): string | undefined => {
  if (typeof a === 'number' && typeof b === 'number')
    return Object.is(a, b) || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a))
      ? undefined
      : `${place}: ${a}, ${b}`;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return a === b ? undefined : `${place}: ${String(a)}, ${String(b)}`;
  const left = a as { readonly [key: string]: unknown };
  const right = b as { readonly [key: string]: unknown };
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = difference(left[key], right[key], `${place}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** What is kept, moved on to the last row, is what all rows give. */
const checkEvidence = (history: RolloutHistory, { record, units, evidence }: RolloutEnd, report: Report): void => {
  if (evidence === undefined) return;
  const anew = advanceEvidence(record, createEvidence(record), units, history.sampler);
  const rest = units.filter(({ seq }) => seq > evidence.settledSeq);
  const found = difference(advanceEvidence(record, evidence, rest, history.sampler), anew);
  if (found !== undefined) report(`${record.id}: the evidence that is kept is not that of its rows: ${found}`);
};

/** Rules may have changed on the way: then the streams of new rules began in the middle. */
const hasConstantRules = ({ commits }: RolloutHistory, id: RolloutId): boolean => {
  const rules = commits.flatMap((commit) =>
    commit.kind === 'written' && commit.record.id === id ? [JSON.stringify(commit.record.rules)] : [],
  );
  return new Set(rules).size <= 1;
};

/** What a run was admitted with, by agent. */
const decisionsOf = (history: RolloutHistory): ReadonlyMap<RunId, { readonly [agentId: string]: AgentDecision }> => {
  const decisions = new Map<RunId, { readonly [agentId: string]: AgentDecision }>();
  for (const commit of history.commits)
    for (const fact of commit.kind === 'appended' ? commit.facts : [])
      if (commit.kind === 'appended' && fact.type === 'run_admitted') decisions.set(commit.runId, fact.agents);
  return decisions;
};

/** The units that the exposures and ends of a rollout make: a unit once, in the arm of its first exposed run. */
const expectedUnits = (
  { commits }: RolloutHistory,
  id: RolloutId,
): readonly Pick<RolloutUnit, 'arm' | 'runId' | 'state'>[] => {
  const units: { unit: string; arm: number; runId: RunId; state: RolloutUnit['state'] }[] = [];
  const taken = new Set<string>();
  let isOver = false;
  for (const commit of commits) {
    // Nobody is exposed after the end.
    if (commit.kind === 'written' && commit.record.id === id) isOver = isTerminalRollout(commit.record.status);
    if (commit.kind === 'appended' && !isOver) {
      for (const { rolloutId, unit, arm, runId } of commit.exposures) {
        if (rolloutId !== id || taken.has(unit)) continue;
        taken.add(unit);
        units.push({ unit, arm, runId, state: 'open' });
      }
    }
    if (commit.kind === 'ended') {
      for (const { rolloutId, seq, state } of commit.ends) {
        const ended = rolloutId === id ? units[seq - 1] : undefined;
        if (ended?.state !== 'open') continue;
        ended.state = state;
        if (state === 'void') taken.delete(ended.unit);
      }
    }
  }
  return units;
};

const checkUnits = (
  history: RolloutHistory,
  { record, units }: RolloutEnd,
  decisions: ReturnType<typeof decisionsOf>,
  report: Report,
): void => {
  const { id, agentId } = record;
  const expected = expectedUnits(history, id);
  if (expected.length !== units.length) report(`${id} has ${units.length} units, ${expected.length} were exposed`);
  const counted = new Map<string, number>();
  units.forEach(({ seq, arm, runId, state, values }, index) => {
    const own = expected[index];
    if (seq !== index + 1 || own?.arm !== arm || own.runId !== runId || own.state !== state)
      report(`${id}: unit ${seq} is not what was exposed`);
    const decision = decisions.get(runId)?.[agentId];
    if (decision?.source !== 'segments' && decision?.source !== 'retry')
      report(`${id}: unit ${seq} of run ${runId} was not sent by segments`);
    if (decision?.arm !== arm || decision.rolloutId !== id)
      report(`${id}: unit ${seq} is not in the arm of run ${runId}`);
    if (state === 'void') return;
    const name = decision?.unit ?? '';
    const before = counted.get(name);
    if (before !== undefined) report(`${id}: one unit is counted twice, as ${before} and ${seq}`);
    counted.set(name, seq);
    if (state === 'open') report(`${id}: unit ${seq} of run ${runId} is still open`);
    else if (!Object.hasOwn(values, 'error')) report(`${id}: unit ${seq} of run ${runId} ended without a value`);
  });
};

/** The first value that was written stays. */
const checkValues = (history: RolloutHistory, { record, units }: RolloutEnd, report: Report): void => {
  const first = new Map<string, number | null>();
  for (const commit of history.commits) {
    for (const { rolloutId, metric, seq, value } of commit.kind === 'valued' ? commit.values : []) {
      const place = `${seq} ${metric}`;
      if (rolloutId === record.id && !first.has(place)) first.set(place, value);
    }
  }
  for (const { seq, values, state } of units) {
    if (state === 'void') continue;
    for (const [metric, value] of Object.entries(values))
      if (first.get(`${seq} ${metric}`) !== value) report(`${record.id}: ${metric} of unit ${seq} was written twice`);
  }
};

/** Whoever was exposed was counted, as long as the rollout lived. */
const checkCounted = (history: RolloutHistory, decisions: ReturnType<typeof decisionsOf>, report: Report): void => {
  const records = new Map<RolloutId, RolloutRecord>();
  const dags = new Map(history.runs.map(({ runId, dag }) => [runId, dag]));
  const seen = new Map<RolloutId, Set<string>>();
  for (const commit of history.commits) {
    if (commit.kind === 'written') records.set(commit.record.id, commit.record);
    if (commit.kind !== 'appended') continue;
    for (const { rolloutId, runId } of commit.exposures) {
      const agentId = records.get(rolloutId)?.agentId ?? '';
      const units = seen.get(rolloutId) ?? new Set();
      seen.set(rolloutId, units.add(decisions.get(runId)?.[agentId]?.unit ?? ''));
    }
    for (const fact of commit.facts) {
      if (fact.type !== 'step_leased') continue;
      const [id] = fact.step.split('[');
      const action = dags.get(commit.runId)?.steps.find((step) => step.id === id)?.action;
      if (action?.kind !== 'agent') continue;
      const { source, rolloutId = '', unit = '' } = decisions.get(commit.runId)?.[action.agent] ?? {};
      if (source !== 'segments' || records.get(rolloutId)?.status !== 'active') continue;
      if (seen.get(rolloutId)?.has(unit) !== true)
        report(`${rolloutId}: run ${commit.runId} was exposed and not counted`);
    }
  }
};

/** Units, their values and the evidence that is made of them. */
export const checkObservations = (history: RolloutHistory, report: Report): void => {
  const decisions = decisionsOf(history);
  for (const end of history.rollouts) {
    checkUnits(history, end, decisions, report);
    checkValues(history, end, report);
    if (hasConstantRules(history, end.record.id)) checkEvidence(history, end, report);
  }
  checkCounted(history, decisions, report);
};
