import type { JudgeInput, Verdict } from '../evidence.ts';
import type { EvidenceSummary, RolloutRecord, TestSummary } from '../rollout-record.ts';
import { silentArms, silentScorers } from './data-health.ts';
import { stepWaits } from './step-gate.ts';
import { summarizeEvidence } from './summarize-evidence.ts';

type Action = Verdict['action'];

/** Consecutive infrastructure failures of the candidate that open the breaker, and how recently stable must have worked (ms). */
const breakerFailures = 5;
const breakerWindowMs = 60_000;

/**
 * What must be done now (g.8): looked at in the order sample ratio, no data, breaker, regression; rollback beats pause beats notify beats ramp. A pause
 * or a notice is given once: what stood in the record's evidence at its last decision was known to whoever resumed it. A rollback is
 * given until it is done.
 */
export const judgeRollout = (input: JudgeInput): Verdict => {
  const { record } = input;
  const summary = summarizeEvidence(record, input.evidence, input.unrouted, input.now);
  if (record.status !== 'active' && record.status !== 'paused') {
    return { action: { kind: 'none' }, summary, waitingFor: [] };
  }
  const alarms = alarmsOf(input, summary);
  const rollback = alarms.find(({ kind }) => kind === 'rollback');
  if (rollback !== undefined) return { action: rollback, summary, waitingFor: [] };
  if (record.status === 'paused') {
    return { action: { kind: 'none' }, summary, waitingFor: [{ code: 'paused', message: 'somebody must resume it' }] };
  }
  const alarm = alarms.find(({ kind }) => kind === 'pause') ?? alarms[0];
  const waitingFor = [...outagesOf(input), ...stepWaits(input, summary)];
  if (alarm !== undefined) return { action: alarm, summary, waitingFor };
  if (record.type === 'ab_test') return { action: { kind: 'none' }, summary, waitingFor: experimentWaits };
  return { action: waitingFor.length > 0 ? { kind: 'none' } : rampOf(record), summary, waitingFor };
};

const experimentWaits: Verdict['waitingFor'] = [{ code: 'winner', message: 'a person must name the winner' }];

const rampOf = ({ stepIndex, steps }: RolloutRecord): Action =>
  stepIndex >= steps.length - 1 ? { kind: 'complete' } : { kind: 'advance' };

const alarmsOf = (input: JudgeInput, summary: EvidenceSummary): readonly Action[] => {
  const { record, breaker, now } = input;
  const alarms: Action[] = [];
  if (summary.srm.alarm && record.evidence?.srm.alarm !== true) alarms.push({ kind: 'pause', reason: 'srm_alarm' });
  if (record.onNoData !== 'ignore') {
    const kind = record.onNoData;
    if (silentArms(input).length > 0) alarms.push({ kind, reason: 'no_data' });
    const [scorer] = silentScorers(input);
    if (scorer !== undefined) alarms.push({ kind, reason: 'scorer_outage', rule: `score:${scorer.id}` });
  }
  const { consecutiveFailures, stableSucceededAt, limit = breakerFailures, windowMs = breakerWindowMs } = breaker;
  if (breaker.unbuildable !== undefined)
    alarms.push({ kind: 'pause', reason: 'circuit_breaker', detail: breaker.unbuildable });
  const stableWorks = stableSucceededAt !== undefined && now - stableSucceededAt <= windowMs;
  if (consecutiveFailures >= limit && stableWorks) alarms.push({ kind: 'pause', reason: 'circuit_breaker' });
  for (const test of summary.tests) {
    const alarm = breachOf(record, test);
    if (alarm !== undefined) alarms.push(alarm);
  }
  const isHorizonKnown = record.evidence !== undefined && record.evidence.at >= record.horizonAt;
  if (now >= record.horizonAt && !isHorizonKnown) alarms.push({ kind: 'pause', reason: 'horizon_ended' });
  return alarms;
};

const breachOf = (record: RolloutRecord, test: TestSummary): Action | undefined => {
  const rule = record.rules.find(({ id }) => id === test.rule);
  if (rule === undefined || !test.breached) return undefined;
  const isKnown = record.evidence?.tests.some(
    ({ rule: id, arm, breached }) => id === test.rule && arm === test.arm && breached,
  );
  if (rule.action !== 'rollback' && isKnown === true) return undefined;
  if (rule.action === 'notify') return { kind: 'notify', rule: rule.id };
  return { kind: rule.action, reason: rule.kind === 'floor' ? 'floor' : 'regression', rule: rule.id };
};

/** Silence keeps a step from ending also where it is ignored otherwise. */
const outagesOf = (input: JudgeInput): Verdict['waitingFor'] => [
  ...silentArms(input).map((arm) => ({
    code: 'no_data',
    message: `the last units of ${input.record.arms[arm]?.label ?? 'the candidate'} yielded nothing`,
  })),
  ...silentScorers(input).map(({ id }) => ({ code: 'scorer', message: `scorer ${id} gives no scores` })),
];
