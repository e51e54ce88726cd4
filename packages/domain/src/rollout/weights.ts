import { DomainError } from '../errors/domain-error.ts';
import { totalParts } from './rollout-record.ts';

const decimal = /^(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$/;
const maxWeightText = 64;

/** Given weights of all arms may miss 1 by this much: what adding floats loses. */
const sumTolerance = 1e-9;

/**
 * The parts of 2^32 of a weight, a fraction 0 to 1 as a number or a decimal string: `floor(w * 2^32 + 0.5)` (g.2).
 * Throws `invalid_argument` for anything else, and for a weight above 0 that is too small for a single part.
 */
export const parseWeight = (weight: number | string): number => {
  const problem = weightProblem(weight);
  if (problem !== undefined) throw new DomainError('invalid_argument', problem);
  return Math.floor(fractionOf(weight) * totalParts + 0.5);
};

/** What is wrong with a weight, whatever it is; undefined when `parseWeight` takes it. */
export const weightProblem = (weight: unknown): string | undefined => {
  if (typeof weight !== 'number' && typeof weight !== 'string') return 'a weight is a number or a decimal string';
  if (typeof weight === 'string' && (weight.length > maxWeightText || !decimal.test(weight))) {
    return 'a weight is a fraction from 0 to 1, such as 0.05';
  }
  const fraction = fractionOf(weight);
  if (!(fraction >= 0 && fraction <= 1)) return 'a weight is a fraction from 0 to 1, such as 0.05';
  if (fraction > 0 && Math.floor(fraction * totalParts + 0.5) === 0) {
    return 'the weight is too small: the least above 0 is 0.0000000002 (one part of 2^32)';
  }
  return undefined;
};

const fractionOf = (weight: number | string): number => (typeof weight === 'number' ? weight : Number(weight));

/** The shortest decimal string that `parseWeight` converts back to the same parts. Throws `invalid_argument` for what are no parts. */
export const formatWeight = (parts: number): string => {
  if (!Number.isInteger(parts) || parts < 0 || parts > totalParts) {
    throw new DomainError('invalid_argument', 'parts are an integer from 0 to 2^32');
  }
  for (let digits = 0; digits < 10; digits += 1) {
    // Exact: the quotient is a double without rounding, and `toFixed` rounds its exact decimal expansion.
    const text = (parts / totalParts).toFixed(digits);
    if (Math.floor(Number(text) * totalParts + 0.5) === parts) return text;
  }
  return (parts / totalParts).toFixed(10);
};

/** A weight as people read it: `0.1 %`, `5 %`, `100 %`; exact, like `formatWeight`. */
export const formatPercent = (parts: number): string => {
  const [whole = '0', fraction = ''] = formatWeight(parts).split('.');
  const digits = `${whole}${fraction.padEnd(2, '0')}`;
  const point = whole.length + 2;
  const integer = digits.slice(0, point).replace(/^0+(?=[0-9])/, '');
  const rest = digits.slice(point);
  return rest === '' ? `${integer} %` : `${integer}.${rest} %`;
};

/**
 * Parts of all arms, the stable one first: it gets what the others leave, so that they sum to 2^32 exactly (g.2).
 * Throws `invalid_argument` unless each weight is one and they sum to 1 within 1e-9.
 */
export const partsOf = (weights: readonly (number | string)[]): readonly number[] => {
  const parts = weights.map(parseWeight);
  const sum = weights.reduce<number>((total, weight) => total + fractionOf(weight), 0);
  if (parts.length === 0) throw new DomainError('invalid_argument', 'weights of no arms');
  if (!(Math.abs(1 - sum) <= sumTolerance)) {
    throw new DomainError('invalid_argument', `weights must sum to 1, these sum to ${sum}`);
  }
  const others = parts.slice(1);
  const stable = totalParts - others.reduce((total, one) => total + one, 0);
  if (stable < 0) throw new DomainError('invalid_argument', 'weights must sum to 1');
  return [stable, ...others];
};
