/** A number for a sentence: four significant digits, the same on every machine. */
export const numberText = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'infinite';

/** A count with its noun: `1 unit`, `20 units`. */
export const countText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const unitsOfTime = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** A duration in its two largest units, rounded down: `2 d 3 h`, `9 min 30 s`, `0 s`. */
export const durationText = (ms: number): string => {
  let left = Math.max(0, ms);
  const words: string[] = [];
  for (const [size, name] of unitsOfTime) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) words.push(`${count} ${name}`);
    else if (words.length > 0) break;
    if (words.length === 2) break;
  }
  return words.length === 0 ? '0 s' : words.join(' ');
};
