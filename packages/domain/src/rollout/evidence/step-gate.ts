import type { JudgeInput, Verdict } from '../evidence.ts';
import type { EvidenceSummary, RolloutRecord, RolloutRule } from '../rollout-record.ts';
import { totalParts } from '../rollout-record.ts';
import { scorerOfMetric } from '../rule-defaults.ts';
import { streamKey, streamsOf } from './streams.ts';

type Waits = Verdict['waitingFor'];

/** The step that only a passed promotion test leaves: the last one below weight 1. */
export const promotionStep = ({ steps }: Pick<RolloutRecord, 'steps'>): number => {
  const at = steps.findLastIndex(({ parts }) => parts < totalParts);
  return at < 0 ? steps.length - 1 : at;
};

/** Rules that are part of the promotion gate. */
const gateRules = ({ rules }: RolloutRecord): readonly RolloutRule[] =>
  rules.filter(({ kind, promoteMargin }) => kind === 'regression' && promoteMargin !== undefined);

/** Epochs that routed with the weight of the present step, without a step between: pauses do not end a step. */
const epochsOfStep = (record: RolloutRecord): ReadonlySet<number> => {
  const parts = record.steps[record.stepIndex]?.parts ?? 0;
  const found = new Set<number>([record.epoch]);
  for (const epoch of record.epochs.toReversed()) {
    const own = epoch.parts[1] ?? 0;
    if (own !== parts && own !== 0) break;
    found.add(epoch.epoch);
  }
  return found;
};

/** Candidate units of the step: those whose run is over, and by rule those with a value. */
const unitsOfStep = (record: RolloutRecord, input: JudgeInput, candidates: number) => {
  const streams = streamsOf(input.evidence);
  const epochs = epochsOfStep(record);
  const sumOf = (counts: { readonly [epoch: string]: number }): number =>
    Object.entries(counts).reduce((sum, [epoch, n]) => sum + (epochs.has(Number(epoch)) ? n : 0), 0);
  return {
    // Steps of equal weight share their epochs' weight, so what was counted when the step began counts too.
    over: Math.min(
      sumOf(Object.fromEntries(Object.entries(streams.core.counts).map(([epoch, n]) => [epoch, n[1] ?? 0]))),
      Math.max(0, candidates - record.stepStartUnits),
    ),
    valued: (rule: RolloutRule): number => sumOf(streams.rules[streamKey(rule, 1)]?.valued ?? {}),
  };
};

/** What keeps the present step of a canary from ending; empty when nothing does (g.7). Breaches and outages are judged elsewhere. */
export const stepWaits = (input: JudgeInput, summary: EvidenceSummary): Waits => {
  const { record, now } = input;
  const step = record.steps[record.stepIndex];
  if (step === undefined) return [{ code: 'by_hand', message: 'the weight is set by hand' }];
  const waits: Waits[number][] = [];
  const { over, valued } = unitsOfStep(record, input, summary.units[1] ?? 0);
  if (over < step.minUnits) {
    waits.push({ code: 'units', message: `${over} of ${step.minUnits} candidate units of this step are over` });
  }
  const until = record.stepStartedAt + step.minDurationMs;
  if (now < until) waits.push({ code: 'duration', message: 'the step has not lasted its least duration', until });
  if (summary.srm.alarm) {
    waits.push({ code: 'srm', message: 'the numbers of units do not match the weights; only a person may go on' });
  }
  const isPromotion = record.stepIndex === promotionStep(record);
  const rules = gateRules(record);
  if (isPromotion && rules.length === 0) {
    waits.push({ code: 'promotion', message: 'no rule is part of the promotion gate; only a person may promote' });
  }
  for (const rule of rules) {
    const sample = record.scorers.find(({ id }) => id === scorerOfMetric(rule.metric))?.sample ?? 1;
    const least = Math.ceil(step.minUnits * Math.min(1, sample));
    if (valued(rule) < least) {
      waits.push({
        code: 'values',
        message: `${valued(rule)} of ${least} candidate units of this step have ${rule.metric}`,
      });
    }
    const test = summary.tests.find((one) => one.rule === rule.id && one.arm === 1);
    if (test === undefined) continue;
    // With all of the traffic there is nothing to compare with any more.
    if (step.parts < totalParts && test.harmUpper >= step.maxHarm) {
      waits.push({
        code: 'harm',
        message: `harm in ${rule.metric} may still be ${test.harmUpper.toFixed(3)}; the step ends below ${step.maxHarm}`,
      });
    }
    if (isPromotion && test.promotion?.passed !== true) {
      const e = (test.promotion?.eMax ?? 1).toFixed(1);
      waits.push({
        code: 'promotion',
        message: `${rule.metric} has E = ${e} of ${(test.promotion?.threshold ?? 0).toFixed(0)} for not being worse by ${rule.promoteMargin}`,
      });
    }
  }
  if (step.gate === 'approval' && record.stepApproved === undefined) {
    waits.push({ code: 'approval', message: 'a person must approve the end of the step' });
  }
  return waits;
};
