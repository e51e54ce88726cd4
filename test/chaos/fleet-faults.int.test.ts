import { afterEach, expect, it, vi } from 'vitest';
import type { ChaosFleet } from './chaos-fleet.ts';
import { FleetFaultMaker } from './fleet-faults.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('starts a server that was killed once, also when the trouble ends while it is being started, and waits for it', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  let hasStarted = (): void => undefined;
  const start = vi.fn(
    () =>
      new Promise<void>((resolve) => {
        hasStarted = resolve;
      }),
  );
  const postgres = { pid: 1, kill: async () => undefined, start };
  const fleet = { processes: [], links: [], postgres } as unknown as ChaosFleet;
  // When the next harm is due, what it is (`kill postgres`), to whom, for how long (0.1 s), and more of it.
  const numbers = [1, 14.5 / 32, 0, 0, 0];
  const next = (): number => numbers.shift() ?? 0;
  const faults = new FleetFaultMaker(fleet, { next } as ConstructorParameters<typeof FleetFaultMaker>[1]);
  vi.advanceTimersByTime(600);
  faults.tick(false);
  expect(faults.faults.map(({ what }) => what)).toEqual(['kill postgres']);
  vi.advanceTimersByTime(200);
  faults.tick(true);
  expect(faults.lateMs).toBe(190);
  let hasEnded = false;
  const ended = Promise.all([faults.end(), faults.end()]).then(() => {
    hasEnded = true;
  });
  await vi.waitFor(() => expect(start).toHaveBeenCalled(), 20_000);
  expect(hasEnded).toBe(false);
  hasStarted();
  await ended;
  expect([start.mock.calls.length, faults.failures]).toEqual([1, []]);
});
