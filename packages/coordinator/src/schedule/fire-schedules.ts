import { isDomainError } from '@skein/domain';
import type { Clock, Cron, Log } from '@skein/ports';
import type { ScheduleView } from '../coordinator.ts';

/*
 * Fires schedules.
 *  F1 a fire is (DAG, schedule, nominal instant); the transaction that creates its run makes it unique, so any number of schedulers
 *     may try it and one run comes of it
 *  F2 an instant that passed while nobody looked is made up for only within the last minute
 *  F3 the wall clock may jump: forwards it is F2, backwards the instants are tried again and F1 answers that they were fired
 */

/** Where schedules come from. */
export interface ScheduleSource {
  listSchedules(): Promise<readonly ScheduleView[]>;
}

/** What a scheduler uses. */
export interface FireSchedulesDeps {
  readonly clock: Clock;
  readonly cron: Cron;
  readonly log: Log;
  readonly schedules: ScheduleSource;
  /** Starts the run of a fire; a fire that was started before answers `created: false`. Throws `DomainError`. */
  submitFire(fire: {
    readonly dag: string;
    readonly scheduleId: string;
    readonly nominalAt: number;
  }): Promise<{ readonly created: boolean }>;
}

/** A scheduler that runs until it is stopped. */
export interface Scheduler {
  start(): void;
  /** Resolves when the tick in progress has ended. */
  stop(): Promise<void>;
}

/** How far back a missed fire is made up for, in ms. */
export const catchUpMs = 60_000;

/** Longest time between two looks at the clock, in ms. */
const tickMs = 1_000;

/** How often the list of schedules is read again, in ms. */
const refreshMs = 5_000;

/** Fires of one schedule in one tick; more would be a cron that fires faster than the clock moves. */
const maxFiresPerTick = 120;

interface Entry {
  readonly schedule: ScheduleView;
  /** All instants up to here, inclusive, are dealt with. */
  doneUpTo: number;
  nextAt: number | undefined;
}

const keyOf = ({ dag, scheduleId }: ScheduleView): string => `${dag}\u0000${scheduleId}`;

const sameRule = (a: ScheduleView, b: ScheduleView): boolean => a.cron === b.cron && a.timeZone === b.timeZone;

/** Tries again what a passing failure prevented; anything else will not get better. */
const isPassing = (thrown: unknown): boolean =>
  !isDomainError(thrown) ||
  thrown.code === 'unavailable' ||
  thrown.code === 'resource_exhausted' ||
  thrown.code === 'deadline_exceeded';

/** A scheduler over these ports. */
export const createScheduler = (deps: FireSchedulesDeps): Scheduler => {
  const { clock, cron, log, schedules } = deps;
  let entries = new Map<string, Entry>();
  let refreshedAt = Number.NEGATIVE_INFINITY;
  let lastNow: number | undefined;
  let stopped = true;
  let cancel: () => void = () => {};
  let ticking: Promise<void> = Promise.resolve();

  const nextOf = (schedule: ScheduleView, afterMs: number): number | undefined => {
    try {
      return cron.nextFire(schedule.cron, schedule.timeZone, afterMs);
    } catch (thrown) {
      log.error('schedule cannot be read', { dag: schedule.dag, scheduleId: schedule.scheduleId, error: thrown });
      return undefined;
    }
  };

  const refresh = async (now: number): Promise<void> => {
    if (clock.monotonicMs() - refreshedAt < refreshMs) return;
    const listed = await schedules.listSchedules();
    const first = refreshedAt === Number.NEGATIVE_INFINITY;
    refreshedAt = clock.monotonicMs();
    const fresh = new Map<string, Entry>();
    for (const schedule of listed) {
      const known = entries.get(keyOf(schedule));
      if (known !== undefined && sameRule(known.schedule, schedule)) {
        fresh.set(keyOf(schedule), { ...known, schedule });
        continue;
      }
      // A schedule that is new while we run has missed nothing; at the start nobody may have looked for a minute.
      const doneUpTo = first ? now - catchUpMs : now;
      fresh.set(keyOf(schedule), { schedule, doneUpTo, nextAt: nextOf(schedule, doneUpTo) });
    }
    entries = fresh;
  };

  const fireDue = async (entry: Entry, now: number): Promise<void> => {
    const { dag, scheduleId } = entry.schedule;
    if (entry.doneUpTo < now - catchUpMs) {
      entry.doneUpTo = now - catchUpMs;
      entry.nextAt = nextOf(entry.schedule, entry.doneUpTo);
    }
    for (let fires = 0; entry.nextAt !== undefined && entry.nextAt <= now && fires < maxFiresPerTick; fires += 1) {
      const nominalAt = entry.nextAt;
      try {
        const { created } = await deps.submitFire({ dag, scheduleId, nominalAt });
        log.info('schedule fired', { dag, scheduleId, nominalAt, created });
      } catch (thrown) {
        log.warn('fire of a schedule failed', { dag, scheduleId, nominalAt, error: thrown });
        if (isPassing(thrown)) return;
      }
      entry.doneUpTo = nominalAt;
      entry.nextAt = nextOf(entry.schedule, nominalAt);
    }
  };

  const tick = async (): Promise<void> => {
    const now = clock.now();
    if (lastNow !== undefined && now < lastNow - tickMs) {
      for (const entry of entries.values()) {
        entry.doneUpTo = Math.min(entry.doneUpTo, now);
        entry.nextAt = nextOf(entry.schedule, entry.doneUpTo);
      }
    }
    lastNow = now;
    try {
      await refresh(now);
    } catch (thrown) {
      // A coordinator that is started again is away for a moment: one line, without a stack.
      const isAway = isDomainError(thrown) && thrown.code === 'unavailable';
      log.warn('schedules cannot be listed now', isAway ? { reason: thrown.message } : { error: thrown });
    }
    await Promise.all([...entries.values()].map((entry) => fireDue(entry, now)));
  };

  const plan = (): void => {
    if (stopped) return;
    let waitMs = tickMs;
    const now = clock.now();
    for (const { nextAt } of entries.values()) {
      if (nextAt !== undefined && nextAt > now) waitMs = Math.min(waitMs, nextAt - now);
    }
    cancel = clock.after(waitMs, () => {
      ticking = tick()
        .catch((thrown: unknown) => log.error('tick of the scheduler failed', { error: thrown }))
        .then(plan);
    });
  };

  return {
    start: () => {
      if (!stopped) return;
      stopped = false;
      ticking = tick()
        .catch((thrown: unknown) => log.error('tick of the scheduler failed', { error: thrown }))
        .then(plan);
    },
    stop: async () => {
      stopped = true;
      cancel();
      await ticking;
    },
  };
};
