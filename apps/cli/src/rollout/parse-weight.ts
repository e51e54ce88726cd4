import { DomainError } from '@skein/domain';

/**
 * A weight as a decimal fraction: `5%`, `0.1 %` or `0.05`; digits are moved, never calculated, so that nothing is rounded. Throws
 * `invalid_argument` for what is no share of a whole; `name` says of what.
 */
export const parseWeight = (text: string, name: string): string => {
  const match = /^(\d{1,3})?(?:\.(\d{1,20}))?\s?(%)?$/.exec(text.trim());
  const [, whole = '', part = '', percent] = match ?? [];
  if (match === null || whole + part === '') throw refused(name, text);
  const digits = percent === undefined ? whole : whole.padStart(3, '0').slice(0, -2);
  const rest = percent === undefined ? part : whole.padStart(3, '0').slice(-2) + part;
  const [one, fraction] = [digits.replace(/^0+/, ''), rest.replace(/0+$/, '')];
  if (one === '' && fraction === '') return '0';
  if (one === '') return `0.${fraction}`;
  if (one === '1' && fraction === '') return '1';
  throw refused(name, text);
};

/** A decimal fraction as a percentage, exactly: `0.001` is `0.1 %`. */
export const percentText = (fraction: string): string => {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(fraction);
  if (match === null) return fraction;
  const [, whole = '0', part = ''] = match;
  const padded = part.padEnd(2, '0');
  const digits = `${whole}${padded.slice(0, 2)}`.replace(/^0+(?=\d)/, '');
  const rest = padded.slice(2).replace(/0+$/, '');
  return `${digits}${rest === '' ? '' : `.${rest}`} %`;
};

const refused = (name: string, text: string): DomainError =>
  new DomainError(
    'invalid_argument',
    `${name} must be a share like 5% or 0.05, at most 100%, not "${text.slice(0, 100)}"`,
  );
