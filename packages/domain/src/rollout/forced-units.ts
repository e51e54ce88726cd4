import type { Problem } from '../errors/domain-error.ts';
import { suggest } from '../text/suggest.ts';
import { parseInstant } from '../wait/instant.ts';
import type { ForcedRequest } from './new-rollout.ts';
import { senseProblem, shapeProblem } from './rollout-problems.ts';
import type { ForcedUnit, RolloutArm } from './rollout-record.ts';
import { isUnit } from './unit-place.ts';

const maxForced = 1_000;
const maxUnitLength = 65_536;

/** Forced units of a request; `problems` gets everything that is wrong with them (fields `forced[N].NAME`). */
export const completeForced = (
  requests: readonly ForcedRequest[],
  arms: readonly Pick<RolloutArm, 'label'>[],
  now: number,
  problems: Problem[],
): readonly ForcedUnit[] => {
  if (requests.length > maxForced) problems.push(shapeProblem('forced', `at most ${maxForced} units`));
  const seen = new Set<string>();
  return requests.map((request, index) => {
    const at = `forced[${index}]`;
    if (typeof request.unit !== 'string' || request.unit.length > maxUnitLength || !isUnit(request.unit)) {
      problems.push(shapeProblem(`${at}.unit`, 'a unit is a text without NUL and lone surrogates, and not empty'));
    } else if (seen.has(request.unit)) {
      problems.push(shapeProblem(`${at}.unit`, 'the unit is forced twice'));
    }
    seen.add(request.unit);
    const labels = arms.map(({ label }) => label);
    const arm = labels.indexOf(request.arm);
    if (arm === -1) problems.push(unknownArm(`${at}.arm`, request.arm, labels));
    const until = request.until === undefined ? undefined : parseInstant(request.until);
    if (request.until !== undefined && until === undefined) {
      problems.push(shapeProblem(`${at}.until`, 'an instant is written like 2026-11-21T10:00:00Z'));
    } else if (until !== undefined && until <= now) {
      problems.push(senseProblem(`${at}.until`, 'the instant has passed: the unit would never be forced'));
    }
    return { unit: request.unit, arm, ...(until === undefined ? {} : { until }) };
  });
};

const unknownArm = (field: string, label: string, labels: readonly string[]): Problem => {
  const near = suggest(String(label), labels);
  const message = `there is no arm "${label}"; arms: ${labels.join(', ')}`;
  return near === undefined ? shapeProblem(field, message) : { ...shapeProblem(field, message), suggestion: near };
};
