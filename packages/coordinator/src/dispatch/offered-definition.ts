import type { Step } from '@skein/domain';
import { DomainError, utf8Length } from '@skein/domain';

/** Largest JSON of a step's definition that an offer can hold beside its values and a snapshot. */
export const maxDefinitionBytes = 384 * 1024;

/** A step as workers see it. */
export interface OfferedDefinition {
  readonly definition: Step;
  /** Set when no control frame could hold an offer of the step. */
  readonly tooLarge?: DomainError;
}

const known = new WeakMap<Step, OfferedDefinition>();

/** A written-out list is not sent: a worker gets its item. */
const withoutItems = (step: Step): Step =>
  step.foreach === undefined || typeof step.foreach.items === 'string'
    ? step
    : { ...step, foreach: { ...step.foreach, items: [] } };

/** What an offer says of a step; the same object for every offer of it, so that a stream carries its text once. */
export const offeredDefinition = (step: Step): OfferedDefinition => {
  const cached = known.get(step);
  if (cached !== undefined) return cached;
  const definition = withoutItems(step);
  const actual = utf8Length(JSON.stringify(definition));
  const offered: OfferedDefinition =
    actual <= maxDefinitionBytes
      ? { definition }
      : {
          definition,
          tooLarge: new DomainError(
            'too_large',
            `the definition of step ${step.id} is too large to be sent to a worker`,
            {
              limit: maxDefinitionBytes,
              actual,
            },
          ),
        };
  known.set(step, offered);
  return offered;
};
