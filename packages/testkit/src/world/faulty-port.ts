import { DomainError } from '@skein/domain';
import type { Clock, Random } from '@skein/ports';
import type { SimProcess } from './sim-process.ts';

/** Chances per call of a store, 0 … 1; times in ms. */
export interface StoreFaults {
  /** The call fails with `unavailable` and has done nothing. */
  fail: number;
  /** The call fails with `unavailable` although it was done. */
  loseAnswer: number;
  /** The calling process dies, before or after the call was done. */
  crash: number;
  maxDelayMs: number;
  /** No append is taken, and why the disk says so; undefined while it is well. */
  refuses: 'disk_full' | 'io_error' | 'unknown' | undefined;
}

/** What a faulty port needs to know. */
export interface FaultyPortDeps {
  /** The world's clock, which outlives processes. */
  readonly clock: Clock;
  readonly random: Random;
  readonly process: SimProcess;
  /** Read at each call, so that it may change. */
  readonly faults: StoreFaults;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

const unavailable = (method: string): DomainError =>
  new DomainError('unavailable', `the store did not answer ${method}`);

const writes: ReadonlySet<string> = new Set([
  'append',
  'probeWrite',
  'appendEvents',
  'settleDeadLetter',
  'insert',
  'update',
  'setFreeze',
  'endUnits',
  'recordValues',
  'saveEvidence',
  'saveCursor',
  'recordScore',
  'saveReplay',
]);

const refusal = (reason: NonNullable<StoreFaults['refuses']>, method: string): DomainError =>
  reason === 'unknown'
    ? unavailable(method)
    : new DomainError('unavailable', `the disk does not take ${method}`, { reason });

/** What comes back to a process waits while it is stopped, and never comes once it is dead. */
const answer = <T>(process: SimProcess, settle: () => Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    settle().then(
      (value) => process.run(() => resolve(value)),
      (thrown: unknown) => process.run(() => reject(thrown as Error)),
    );
  });

/**
 * The port as a process sees it over a network: every call may be late, fail before or after it was done, or be the last of its process.
 * A call of a process that died meanwhile is done or not, and never answers.
 */
export const faultyPort = <T extends object>(
  port: T,
  deps: FaultyPortDeps,
  synchronous: readonly (keyof T)[] = [],
): T =>
  new Proxy(port, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const call = member as (...args: unknown[]) => unknown;
      if (synchronous.includes(name as keyof T)) {
        return (...args: unknown[]): unknown => (deps.process.alive ? call.apply(target, args) : undefined);
      }
      const run = async (...args: unknown[]): Promise<unknown> => {
        const { random, clock, process, faults } = deps;
        if (!process.alive) return never();
        const draw = random.next();
        const before = random.next() < 0.5;
        const delayMs = Math.floor(random.next() * faults.maxDelayMs);
        if (delayMs > 0 && before) await clock.sleep(delayMs);
        if (draw < faults.crash && before) process.kill();
        if (!process.alive && random.next() < 0.5) return never();
        if (faults.refuses !== undefined && writes.has(String(name))) throw refusal(faults.refuses, String(name));
        if (draw >= faults.crash && draw < faults.crash + faults.fail) throw unavailable(String(name));
        const value: unknown = await call.apply(target, args);
        if (delayMs > 0 && !before) await clock.sleep(delayMs);
        if (draw < faults.crash) process.kill();
        if (!process.alive) return never();
        const lost = draw >= faults.crash + faults.fail && draw < faults.crash + faults.fail + faults.loseAnswer;
        if (lost) throw unavailable(String(name));
        return value;
      };
      return (...args: unknown[]): Promise<unknown> => answer(deps.process, () => run(...args));
    },
  });
