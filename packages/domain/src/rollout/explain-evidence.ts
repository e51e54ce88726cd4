import { countText, numberText } from './explain-numbers.ts';
import type { EvidenceSummary, RolloutActor, RolloutReason, RolloutRecord, TestSummary } from './rollout-record.ts';

/** Why something was decided, in one or two sentences with the numbers that it was decided on. */
export const becauseOf = (
  record: RolloutRecord,
  reason: RolloutReason,
  by: RolloutActor,
  evidence: EvidenceSummary | undefined,
  test: TestSummary | undefined,
): string => {
  switch (reason) {
    case 'requested':
      return requestText(by);
    case 'regression':
    case 'floor':
      return test === undefined ? 'A rule breached.' : breachText(record, test, reason);
    case 'srm_alarm':
      return srmText(record, evidence);
    case 'circuit_breaker':
      return (
        record.statusDetail ??
        'Steps of a candidate failed one after the other on infrastructure, while the stable version succeeded.'
      );
    case 'no_data':
      return `No values of a candidate came in.${unitsText(record, evidence)}`;
    case 'scorer_outage':
      return `Scores that were due did not come${missingText(evidence)}.`;
    case 'horizon_ended':
      return `Its time was over before the evidence decided.${unitsText(record, evidence)}`;
    case 'replay_failed':
      return 'The replay of recorded steps on the candidate did not pass.';
    case 'replay_passed':
      return `The replay of recorded steps on the candidate passed.${heldText(record)}`;
    case 'replay_inconclusive':
      return `The replay of recorded steps on the candidate proved neither that it is good enough nor that it is worse: see the replay ${record.replayGate?.replayId ?? ''}.`;
    case 'gate_passed':
      return `The gate of the step passed.${unitsText(record, evidence)}${promotionText(evidence)}`;
    case 'superseded':
      return `${by.actor} made another version active.${wordsText(by)}`;
  }
};

/** How the evidence of a rollout that goes on stands. */
export const evidenceText = (record: RolloutRecord, evidence: EvidenceSummary | undefined): string => {
  if (evidence === undefined) return 'Nothing has been counted yet.';
  const breached = evidence.tests.find((test) => test.breached);
  if (breached !== undefined) {
    const kind = record.rules.find((rule) => rule.id === breached.rule)?.kind ?? 'regression';
    return breachText(record, breached, kind);
  }
  const nearest = evidence.tests.reduce<TestSummary | undefined>(
    (best, test) => (best === undefined || test.eValue / test.threshold > best.eValue / best.threshold ? test : best),
    undefined,
  );
  const rules =
    nearest === undefined
      ? ''
      : ` No rule has breached; the nearest is "${nearest.rule}" with E = ${numberText(nearest.eValue)} of ${numberText(nearest.threshold)}.`;
  return `${unitsText(record, evidence).trim()}${rules}`;
};

/** The test that a decision speaks of: that of the named rule, else the first one that breached. */
export const decisiveTest = (
  evidence: EvidenceSummary | undefined,
  rule: string | undefined,
): TestSummary | undefined => {
  const tests = evidence?.tests ?? [];
  const own = rule === undefined ? tests : tests.filter((test) => test.rule === rule);
  return own.find((test) => test.breached) ?? (rule === undefined ? undefined : own[0]);
};

const labelOf = (record: RolloutRecord, arm: number): string => record.arms[arm]?.label ?? `arm ${arm}`;

const requestText = (by: RolloutActor): string =>
  `${by.actor} asked for it.${wordsText(by)}${by.force === true ? ' Checks were overridden.' : ''}`;

const heldText = ({ status, replayGate }: RolloutRecord): string =>
  status === 'draft' && replayGate?.held === true
    ? ' Another rollout of the agent was live then, so this one does not begin by itself.'
    : '';

const wordsText = (by: RolloutActor): string =>
  by.reason === undefined ? '' : ` Reason given: ${/[.!?]$/.test(by.reason) ? by.reason : `${by.reason}.`}`;

const breachText = (record: RolloutRecord, test: TestSummary, kind: 'regression' | 'floor'): string => {
  const who = labelOf(record, test.arm);
  const values = `${countText(test.candidateValues, 'value')} of ${who}, ${test.stableValues} of stable`;
  const e = `E = ${numberText(test.eMax)} reached ${numberText(test.threshold)}`;
  if (kind === 'floor') {
    const floor = record.rules.find((rule) => rule.id === test.rule)?.threshold ?? 0;
    return `By rule "${test.rule}" ${who} is at ${numberText(test.candidateMean)}, below its floor of ${numberText(floor)} (1 is best; ${values}); ${e}.`;
  }
  return `By rule "${test.rule}" ${who} is at ${numberText(test.candidateMean)} and stable at ${numberText(test.stableMean)} (1 is best; ${values}); ${e}.`;
};

const unitsText = (record: RolloutRecord, evidence: EvidenceSummary | undefined): string => {
  if (evidence === undefined) return '';
  const counts = evidence.units.map((units, arm) => `${units} of ${labelOf(record, arm)}`);
  return ` Units counted: ${counts.join(', ')}.`;
};

const srmText = (record: RolloutRecord, evidence: EvidenceSummary | undefined): string => {
  const first = 'Units, or those whose runs came to an end, did not come in the shares that the weights say.';
  if (evidence === undefined) return first;
  const { lnB, threshold } = evidence.srm;
  return `${first}${unitsText(record, evidence)} ln B = ${numberText(lnB)} reached ${numberText(threshold)}.`;
};

const missingText = (evidence: EvidenceSummary | undefined): string => {
  const missing = Math.max(0, ...(evidence?.tests ?? []).map((test) => test.missing));
  return missing === 0 ? '' : `: ${missing} are missing`;
};

const promotionText = (evidence: EvidenceSummary | undefined): string => {
  const passed = (evidence?.tests ?? []).flatMap(({ rule, promotion }) =>
    promotion?.passed === true
      ? [`"${rule}" with E = ${numberText(promotion.eMax)} of ${numberText(promotion.threshold)}`]
      : [],
  );
  return passed.length === 0 ? '' : ` Not worse by rule ${passed.join(' and ')}.`;
};
