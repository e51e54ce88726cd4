import { expect, test } from 'vitest';
import { parseWeight, percentText } from './parse-weight.ts';

test.each([
  ['5%', '0.05'],
  ['0.1 %', '0.001'],
  ['12.5%', '0.125'],
  ['0.00001%', '0.0000001'],
  ['100%', '1'],
  ['0%', '0'],
  ['0.05', '0.05'],
  ['.5', '0.5'],
  ['0.001', '0.001'],
  ['1', '1'],
  ['1.000', '1'],
  ['0', '0'],
  ['000.10', '0.1'],
])('%s is the fraction %s, with no digit calculated', (text, fraction) => {
  expect(parseWeight(text, '--weight')).toBe(fraction);
});

test.each(['', '%', '5', '101%', '1.01', '-1%', '5%%', '1e-3', 'five', '0,5', '0.5.5', '٥%'])(
  '%j is no share of a whole',
  (text) => {
    expect(() => parseWeight(text, '--weight')).toThrow('--weight must be a share');
  },
);

test.each([
  ['0.001', '0.1 %'],
  ['0.05', '5 %'],
  ['1', '100 %'],
  ['0', '0 %'],
  ['0.5', '50 %'],
  ['0.0000000002328306437', '0.00000002328306437 %'],
])('the fraction %s is printed as %s', (fraction, text) => {
  expect(percentText(fraction)).toBe(text);
});

test('any percentage is printed as it was given', () => {
  for (let whole = 0; whole < 100; whole += 1) {
    for (const rest of ['1', '05', '999999999999', '000000000000000001']) {
      const text = `${whole}.${rest} %`;
      expect(percentText(parseWeight(text, '--weight'))).toBe(text);
    }
  }
});
