import { describe, expect, test } from 'vitest';
import {
  decileOverlap,
  dependence,
  keyKinds,
  positionsOf,
  sequentialKey,
  shareError,
  unevenness,
} from '../../test/position-statistics.ts';
import { parseWeight } from './weights.ts';

describe('positions of many keys', { timeout: 600_000 }, () => {
  test.each(Object.keys(keyKinds))('[g12.2] of a million %s keys are even over 10,000 cells', (kind) => {
    const positions = positionsOf('rol_1', keyKinds[kind] as (index: number) => string, 1_000_000);
    expect(Math.abs(unevenness(positions, 10_000))).toBeLessThan(4);
  });

  test.each(['sequential', 'email'])('[g12.3] of a million %s keys are independent under two salts', (kind) => {
    const key = keyKinds[kind] as (index: number) => string;
    const one = positionsOf('rol_1', key, 1_000_000);
    for (const salt of ['rol_2', 'rol_1x']) {
      const other = positionsOf(salt, key, 1_000_000);
      expect(Math.abs(dependence(one, other))).toBeLessThan(4);
      expect(Math.abs(decileOverlap(one, other) - 0.1)).toBeLessThan(0.005);
    }
    expect(dependence(one, one)).toBeGreaterThan(1_000);
    expect(decileOverlap(one, one)).toBe(1);
  });

  test('[g12.6] are exposed in the share of the weight within 4 sigma, down to 0.00001 of ten million', () => {
    const positions = positionsOf('rol_1', sequentialKey, 10_000_000);
    for (const weight of ['0.5', '0.05', '0.001', '0.0001', '0.00001']) {
      expect(Math.abs(shareError(positions, parseWeight(weight)))).toBeLessThan(4);
    }
  });
});
