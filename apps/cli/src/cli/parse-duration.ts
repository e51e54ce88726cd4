import { InvalidArgumentError } from 'commander';

const unitMs: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `2h` in ms. For options: commander shows the message as a usage error. */
export const parseDuration = (text: string): number => {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  const ms = Number(match?.[1] ?? 0) * (unitMs[match?.[2] ?? ''] ?? 0);
  if (ms >= 1) return ms;
  throw new InvalidArgumentError('must be a time like 90s, 10m or 2h');
};
