import type { JsonObject } from '../json/json-value.ts';
import type { Verdict } from './evidence.ts';
import { becauseOf, decisiveTest, evidenceText } from './explain-evidence.ts';
import { durationText, numberText } from './explain-numbers.ts';
import type {
  EvidenceSummary,
  Explanation,
  RolloutActor,
  RolloutEvent,
  RolloutReason,
  RolloutRecord,
  TestSummary,
} from './rollout-record.ts';
import { isLive } from './rollout-status.ts';
import { formatPercent, formatWeight } from './weights.ts';

/** Why an event happened; `record` is as it is after it, `rule` the rule that breached. Deterministic: of its arguments alone. */
export const explainEvent = (
  record: RolloutRecord,
  event: Omit<RolloutEvent, 'explanation'>,
  rule?: string,
  alphaAdded?: number,
): Explanation => {
  const test = decisiveTest(event.evidence, rule);
  return {
    code: `${event.type}.${event.reason}`,
    decided: `${eventText(record, event, rule)}${alphaText(record, alphaAdded)}`,
    because: becauseOf(record, event.reason, event.by, event.evidence, test),
    next: nextText(record),
    data: dataOf(record, event.reason, event.by, event.evidence, test, rule),
  };
};

/**
 * How a rollout stands at `now`, why, and what happens next. `evidence`: newer than the record's. `waitingFor`: of the last verdict.
 * Deterministic: of its arguments alone.
 */
export const explainRollout = (
  record: RolloutRecord,
  evidence: EvidenceSummary | undefined,
  waitingFor: Verdict['waitingFor'] | undefined,
  now: number,
): Explanation => {
  const isRunning = record.status === 'active';
  // What decided stays what it was; what is going on is told by the newest numbers.
  const known = isRunning ? (evidence ?? record.evidence) : (record.evidence ?? evidence);
  const test = decisiveTest(known, undefined);
  return {
    code: `${record.status}.${record.statusReason}`,
    decided: statusText(record),
    because: isRunning
      ? evidenceText(record, known)
      : becauseOf(record, gateReason(record) ?? record.statusReason, record.statusActor, known, test),
    next: isRunning ? (waitingText(record, waitingFor ?? [], now) ?? nextText(record)) : nextText(record),
    data: dataOf(record, record.statusReason, record.statusActor, known, test, undefined),
  };
};

/** What the replay said that a draft waited for. */
const gateReason = ({ status, replayGate }: RolloutRecord): RolloutReason | undefined => {
  if (status !== 'draft') return undefined;
  if (replayGate?.status === 'passed') return 'replay_passed';
  return replayGate?.status === 'inconclusive' ? 'replay_inconclusive' : undefined;
};

/** What a change of rules costs. */
const alphaText = (record: RolloutRecord, added: number | undefined): string =>
  added === undefined
    ? ''
    : ` New tests begin: the chance that an equal version is taken back is at most ${numberText(record.alphaSpent)} now (${numberText(added)} more).`;

const nameOf = (record: RolloutRecord): string =>
  `${record.type === 'canary' ? 'rollout' : 'experiment'} of "${record.agentId}"`;

const sharesText = (record: RolloutRecord): string => {
  if (record.type === 'canary')
    return `the candidate gets ${formatPercent(record.arms[1]?.parts ?? 0)}${stepText(record)}`;
  return record.arms.map((arm) => `${arm.label} ${formatPercent(arm.parts)}`).join(', ');
};

const stepText = (record: RolloutRecord): string =>
  record.steps.length === 0 ? '' : ` (step ${record.stepIndex + 1} of ${record.steps.length})`;

const winnerText = (record: RolloutRecord): string => {
  const label = record.arms[record.winner ?? 0]?.label ?? 'stable';
  if ((record.winner ?? 0) === 0) return `The ${nameOf(record)} is over: ${label} stays its active version.`;
  return `The ${nameOf(record)} is over: ${label} is its active version now.`;
};

const statusText = (record: RolloutRecord): string => {
  switch (record.status) {
    case 'draft':
      return `The ${nameOf(record)} is prepared; nobody is exposed yet.`;
    case 'active':
      return `The ${nameOf(record)} is running: ${sharesText(record)}.`;
    case 'paused':
      return `The ${nameOf(record)} is paused: all new runs use the stable version.`;
    case 'completed':
      return winnerText(record);
    case 'rolled_back':
      return `The ${nameOf(record)} was rolled back: all new runs use the stable version.`;
    case 'cancelled':
      return `The ${nameOf(record)} was cancelled.`;
  }
};

const eventText = (
  record: RolloutRecord,
  event: Omit<RolloutEvent, 'explanation'>,
  rule: string | undefined,
): string => {
  switch (event.type) {
    case 'created':
    case 'activated':
      return record.status === 'active' ? `The ${nameOf(record)} began: ${sharesText(record)}.` : statusText(record);
    case 'weight_set':
      return `The weights of the ${nameOf(record)} were set: ${sharesText(record)}.`;
    case 'step_advanced':
      return `The ${nameOf(record)} moved on: ${sharesText(record)}.`;
    case 'approved':
      return `The ${nameOf(record)} was approved${stepText(record)}.`;
    case 'paused':
      return `The ${nameOf(record)} was paused: all new runs use the stable version.`;
    case 'resumed':
      return `The ${nameOf(record)} goes on: ${sharesText(record)}.`;
    case 'changed':
      return changedText(record, event.reason);
    case 'breached':
      return `${rule === undefined ? 'A rule' : `Rule "${rule}"`} of the ${nameOf(record)} breached.`;
    case 'policy_done':
      return doneText(record);
    case 'promoted':
    case 'completed':
    case 'rolled_back':
    case 'cancelled':
      return statusText(record);
  }
};

const changedText = (record: RolloutRecord, reason: RolloutReason): string => {
  switch (reason) {
    case 'replay_passed':
      return `The replay that the ${nameOf(record)} waited for has passed.`;
    case 'replay_inconclusive':
      return `The replay that the ${nameOf(record)} waited for decided nothing: it stays a draft.`;
    default:
      return `The settings of the ${nameOf(record)} were changed.`;
  }
};

const hasRunPolicy = ({ status, runPolicy }: RolloutRecord): boolean =>
  status === 'rolled_back' && runPolicy !== 'drain';

const doneText = (record: RolloutRecord): string => {
  const runs = hasRunPolicy(record)
    ? `Open runs of the ${nameOf(record)} were ${record.runPolicy === 'abort' ? 'cancelled' : 'moved to the stable version'}.`
    : undefined;
  const memory =
    record.memory.mode === 'forked' ? `What the arms of the ${nameOf(record)} remembered is settled.` : undefined;
  return [runs, memory].filter((text) => text !== undefined).join(' ');
};

const nextText = (record: RolloutRecord): string => {
  switch (record.status) {
    case 'draft':
      return draftText(record);
    case 'active':
      return nextStepText(record);
    case 'paused':
      return 'Nothing, until it is resumed, promoted, rolled back or cancelled.';
    case 'completed':
      return memoryText(record) ?? 'Nothing more: all new runs use the active version.';
    case 'cancelled':
      return 'Nothing more: all new runs use the active version, open runs keep the version that they began with.';
    case 'rolled_back':
      return policyText(record);
  }
};

const draftText = ({ id, agentId, replayGate: gate }: RolloutRecord): string => {
  switch (gate?.status) {
    case 'running': {
      const then =
        gate.manual === true ? 'it can be activated' : 'it begins by itself, unless another one is live then';
      return `When its replay has passed, ${then}; if it fails, the rollout is cancelled.`;
    }
    case 'passed':
      return `Ready: activate it by hand, with \`skein rollout activate ${agentId} --rollout ${id}\`.`;
    case 'inconclusive':
      return `Start it by hand with \`skein rollout activate ${agentId} --rollout ${id} --force --reason "…"\`, or cancel it with \`skein rollout cancel ${agentId} --rollout ${id}\`.`;
    default:
      return 'It begins when it is activated.';
  }
};

/** Undefined when nothing of the winner's memory is left to do. */
const memoryText = ({ policyPending, winner = 0 }: RolloutRecord): string | undefined =>
  policyPending === true && winner > 0 ? 'What the winner remembers becomes the memory of the agent.' : undefined;

const policyText = (record: RolloutRecord): string => {
  if (record.policyPending !== true || !hasRunPolicy(record)) {
    return record.runPolicy === 'drain' ? 'Open runs keep the version that they began with.' : 'Nothing more.';
  }
  return record.runPolicy === 'abort'
    ? 'Open runs of the candidate are being cancelled.'
    : 'Steps of open runs that have not begun are being moved to the stable version.';
};

const nextStepText = (record: RolloutRecord): string => {
  const guard = 'a breach of a rule acts by itself';
  const step = record.steps[record.stepIndex];
  if (step === undefined) return `The weights change only by hand; ${guard}.`;
  const gate =
    step.gate === 'approval' && record.stepApproved === undefined
      ? 'is approved and its gate passes'
      : 'passes its gate';
  const following = record.steps[record.stepIndex + 1];
  const then = following === undefined ? 'is promoted' : `gets ${formatPercent(following.parts)}`;
  return `When the step ${gate}, the candidate ${then}; ${guard}.`;
};

const waitingText = (record: RolloutRecord, waitingFor: Verdict['waitingFor'], now: number): string | undefined => {
  if (waitingFor.length === 0 || record.steps.length === 0) return undefined;
  const reasons = waitingFor.map(({ message, until }) => {
    const words = message.replace(/\.$/, '');
    return until === undefined || until <= now ? words : `${words} (${durationText(until - now)} left)`;
  });
  return `Step ${record.stepIndex + 1} of ${record.steps.length} waits for: ${reasons.join('; ')}. ${nextStepText(record)}`;
};

/** As JSON keeps it: neither infinite nor a negative zero. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value + 0 : null);

const dataOf = (
  record: RolloutRecord,
  reason: RolloutReason,
  by: RolloutActor,
  evidence: EvidenceSummary | undefined,
  test: TestSummary | undefined,
  rule: string | undefined,
): JsonObject => ({
  rolloutId: record.id,
  agentId: record.agentId,
  status: record.status,
  revision: record.revision,
  epoch: record.epoch,
  alphaSpent: finite(record.alphaSpent),
  reason,
  actor: by.actor,
  weights: Object.fromEntries(record.arms.map((arm) => [arm.label, formatWeight(arm.parts)])),
  versions: Object.fromEntries(record.arms.map((arm) => [arm.label, arm.versionId])),
  ...(isLive(record.status) && record.steps.length > 0
    ? { step: record.stepIndex + 1, steps: record.steps.length }
    : {}),
  ...(record.winner === undefined ? {} : { winner: record.arms[record.winner]?.label ?? null }),
  ...(evidence === undefined ? {} : { units: evidence.units.map(finite), lnB: finite(evidence.srm.lnB) }),
  ...(rule === undefined && test === undefined ? {} : { rule: test?.rule ?? rule ?? null }),
  ...(test === undefined ? {} : testData(record, test)),
});

const testData = (record: RolloutRecord, test: TestSummary): JsonObject => ({
  arm: record.arms[test.arm]?.label ?? null,
  eValue: finite(test.eValue),
  eMax: finite(test.eMax),
  threshold: finite(test.threshold),
  candidateMean: finite(test.candidateMean),
  stableMean: finite(test.stableMean),
  candidateValues: test.candidateValues,
  stableValues: test.stableValues,
});
