import { expect, test } from 'vitest';
import { followLog } from './follow-log.ts';

test('looks less and less often at a log to which nothing is added', async () => {
  const at: number[] = [];
  const piece = (bytes: string, complete = false) => ({ attempt: 1, bytes: Buffer.from(bytes), next: 0, complete });
  const read = async () => {
    at.push(performance.now());
    if (at.length === 8) return piece('x');
    return piece('', at.length === 10);
  };
  for await (const bytes of followLog(piece(''), 1, read, 10, new AbortController().signal)) {
    expect(bytes.byteLength).toBe(1);
  }
  const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  // Timers are late under load, never early.
  expect(pauses[5]).toBeGreaterThan(45);
  expect(at).toHaveLength(10);
});
