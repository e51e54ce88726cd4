import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createHasher } from './hasher.ts';
import { createIdSource } from './id-source.ts';
import { createSecureToken } from './secure-token.ts';
import { createSystemClock } from './system-clock.ts';
import { createSystemRandom } from './system-random.ts';

test('an aborted sleep rejects with the reason, also when it was aborted before', async () => {
  const clock = createSystemClock();
  const abort = new AbortController();
  const slept = clock.sleep(60_000, abort.signal);
  abort.abort(new Error('enough'));
  await expect(slept).rejects.toThrow('enough');
  await expect(clock.sleep(0, abort.signal)).rejects.toThrow('enough');
});

test('a delay longer than a Node timer can hold does not fire at once', async () => {
  const clock = createSystemClock();
  let fired = false;
  const cancel = clock.after(2 ** 31 + 5, () => {
    fired = true;
  });
  await clock.sleep(5);
  cancel();
  expect(fired).toBe(false);
});

test('a cancelled callback does not run', async () => {
  const clock = createSystemClock();
  let fired = false;
  clock.after(1, () => {
    fired = true;
  })();
  await clock.sleep(5);
  expect(fired).toBe(false);
});

test('work at the end of a turn runs after the promises of the turn', async () => {
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    createSystemClock().endOfTurn(() => {
      seen.push('end');
      resolve();
    });
    void Promise.resolve().then(() => seen.push('promise'));
  });
  expect(seen).toEqual(['promise', 'end']);
});

test('draws stay in [0, 1), spread evenly, and differ between sources', () => {
  const random = createSystemRandom();
  const counts = [0, 0, 0, 0];
  let outside = 0;
  for (let index = 0; index < 40_000; index += 1) {
    const drawn = random.next();
    if (drawn < 0 || drawn >= 1) outside += 1;
    const bucket = Math.floor(drawn * 4);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  expect(outside).toBe(0);
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(600);
  expect(random.fork('a').next()).not.toBe(random.fork('a').next());
  expect(random.integer(1)).toBe(0);
});

test('ids are prefixed UUIDv7 and sort in the order in which they were made', () => {
  const ids = createIdSource();
  const made = Array.from({ length: 500 }, () => ids.next('run'));
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(500);
  expect(made[0]).toMatch(/^run_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('hashes text and bytes alike', () => {
  const hasher = createHasher();
  const expected = createHash('sha256').update('goose ❄').digest('hex');
  expect(hasher.digest('goose ❄')).toBe(`sha256:${expected}`);
  expect(hasher.digest(new TextEncoder().encode('goose ❄'))).toBe(`sha256:${expected}`);
  expect(Buffer.from(hasher.bytes('goose ❄')).toString('hex')).toBe(expected);
});

test('tokens carry 256 random bits and never repeat', () => {
  const tokens = Array.from({ length: 100 }, createSecureToken);
  expect(new Set(tokens).size).toBe(100);
  for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
});
