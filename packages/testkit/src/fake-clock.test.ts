import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

test('runs sleepers and callbacks in the order of their instants', async () => {
  const clock = new FakeClock(1_000);
  const seen: string[] = [];
  const note = (name: string) => () => {
    seen.push(`${name}@${clock.monotonicMs()}`);
  };
  clock.after(30, note('c'));
  clock.after(10, note('a'));
  clock.after(10, note('b'));
  void clock.sleep(20).then(note('slept'));
  await clock.advance(25);
  expect(seen).toEqual(['a@10', 'b@10', 'slept@20']);
  expect(clock.now()).toBe(1_025);
  await clock.advance(5);
  expect(seen.at(-1)).toBe('c@30');
  expect(clock.pending).toBe(0);
});

test('lets promises settle between two timers, so that a timer set by one runs on the way', async () => {
  const clock = new FakeClock();
  const seen: number[] = [];
  const loop = async () => {
    for (let round = 0; round < 3; round += 1) {
      await clock.sleep(10);
      seen.push(clock.monotonicMs());
    }
  };
  void loop();
  await clock.advance(100);
  expect(seen).toEqual([10, 20, 30]);
});

test('runs end-of-turn work once per turn, after the promises of the turn', async () => {
  const clock = new FakeClock();
  const seen: string[] = [];
  clock.endOfTurn(() => {
    seen.push('end');
    clock.endOfTurn(() => seen.push('next end'));
  });
  void Promise.resolve().then(() => seen.push('promise'));
  await clock.settle();
  expect(seen).toEqual(['promise', 'end', 'next end']);
});

test('an aborted sleep rejects with the reason and leaves no timer', async () => {
  const clock = new FakeClock();
  const abort = new AbortController();
  const slept = clock.sleep(10, abort.signal);
  abort.abort(new Error('enough'));
  await expect(slept).rejects.toThrow('enough');
  expect(clock.pending).toBe(0);
  await expect(clock.sleep(1, abort.signal)).rejects.toThrow('enough');
});

test('advances until a condition holds, and says when it never does', async () => {
  const clock = new FakeClock();
  let count = 0;
  const tick = () => {
    count += 1;
    clock.after(10, tick);
  };
  tick();
  await clock.advanceUntil(() => count === 5);
  expect(clock.monotonicMs()).toBe(40);
  await expect(clock.advanceUntil(() => false, 50)).rejects.toThrow('did not hold');
});

test('a jump of the wall clock moves neither timers nor the monotonic clock', async () => {
  const clock = new FakeClock(1_000);
  let ran = false;
  clock.after(10, () => {
    ran = true;
  });
  clock.jumpWall(-500);
  expect([clock.now(), clock.monotonicMs(), ran]).toEqual([500, 0, false]);
  await clock.advance(10);
  expect([clock.now(), ran]).toEqual([510, true]);
});

test('the wall clock gives whole milliseconds, also between them', async () => {
  const clock = new FakeClock(1_000);
  await clock.advance(0.75);
  expect(clock.now()).toBe(1_000);
  await clock.advance(0.75);
  expect([clock.now(), clock.monotonicMs()]).toEqual([1_001, 1.5]);
});
