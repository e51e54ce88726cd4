import type { MeasuredStep, Score } from '@skein/domain';
import { meanScore } from '@skein/domain';

/**
 * The value that posted scores give an agent's part in a run: the score of the whole part when there is one, else the mean over the judged steps,
 * once each of them has its score (`partial`: of those that have). Undefined: there is none yet.
 */
export const postedValue = (
  scores: readonly Score[],
  agentId: string,
  scorer: string,
  steps: readonly Pick<MeasuredStep, 'runId' | 'step'>[],
  partial = false,
): number | undefined => {
  const mine = scores.filter((score) => score.agentId === agentId && score.scorer === scorer);
  const whole = mine.find(({ step }) => step === '');
  if (whole !== undefined) return whole.value;
  const byStep = new Map(mine.map((score) => [`${score.runId} ${score.step}`, score.value]));
  const values = steps.flatMap(({ runId, step }) => byStep.get(`${runId} ${step}`) ?? []);
  return values.length === steps.length || partial ? meanScore(values) : undefined;
};
