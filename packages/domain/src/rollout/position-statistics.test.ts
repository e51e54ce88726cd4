import { describe, expect, test } from 'vitest';
import {
  decileOverlap,
  dependence,
  keyKinds,
  positionsOf,
  sequentialKey as sequential,
  shareError,
  unevenness,
} from '../../test/position-statistics.ts';
import { totalParts } from './rollout-record.ts';
import { parseWeight } from './weights.ts';

const count = 50_000;
const first = positionsOf('rol_1', sequential, count);

/** Both salts expose the same keys, or keys that have nothing to do with each other. */
const isIndependent = (one: Uint32Array, other: Uint32Array): boolean =>
  Math.abs(dependence(one, other)) < 4 && Math.abs(decileOverlap(one, other) - 0.1) < 0.01;

describe('positions', () => {
  test.each(Object.keys(keyKinds))('[g12.2] [defect 11] [defect 42] of %s keys are even over 1,000 cells', (kind) => {
    const key = keyKinds[kind] as (index: number) => string;
    const positions = kind === 'sequential' ? first : positionsOf('rol_1', key, count);
    expect(Math.abs(unevenness(positions, 1_000))).toBeLessThan(4);
  });

  test('that are uneven by a few percent are seen to be', () => {
    const uneven = first.map((position) => (position % 8 === 0 ? position >>> 1 : position));
    expect(unevenness(uneven, 1_000)).toBeGreaterThan(4);
  });

  test.each([
    ['rol_2', true],
    ['rol_1 ', true],
    // Equal salts expose the same keys: the check must see that.
    ['rol_1', false],
  ])('[g12.3] under salt rol_1 and "%s" are independent: %s', (salt, expected) => {
    expect(isIndependent(first, positionsOf(salt, sequential, count))).toBe(expected);
  });

  test('[g12.6] are exposed in the share of the weight, within 4 sigma', () => {
    for (const weight of ['0.5', '0.25', '0.05', '0.01', '0.001']) {
      expect(Math.abs(shareError(first, parseWeight(weight)))).toBeLessThan(4);
    }
    expect(Math.abs(shareError(first, parseWeight('0.052')))).toBeLessThan(4);
    expect(
      Math.abs(
        shareError(
          first.map((position) => position >>> 1),
          parseWeight('0.5'),
        ),
      ),
    ).toBeGreaterThan(4);
  });
});

/** FNV-1a over UTF-16 units of `value:agent`, modulo 100, spread over all positions: how an earlier design routed. */
const fnvPositions = (agent: string): Uint32Array =>
  Uint32Array.from({ length: count }, (_, index) => {
    const text = `${sequential(index)}:${agent}`;
    let state = 0x81_1c_9d_c5;
    for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01_00_01_93);
    return ((state >>> 0) % 100) * Math.floor(totalParts / 100);
  });

describe('two agents', () => {
  test('[defect 41] whose rollouts run at once expose units independently of each other', () => {
    expect(isIndependent(first, positionsOf('salt of another agent', sequential, count))).toBe(true);
  });

  test('[defect 41] were not independent where the bucket was a hash of key and agent, and the check sees it', () => {
    const pairs = [
      ['triage', 'writer'],
      ['agent-a', 'agent-b'],
    ] as const;
    expect(pairs.map(([one, other]) => isIndependent(fnvPositions(one), fnvPositions(other)))).toContain(false);
  });
});
