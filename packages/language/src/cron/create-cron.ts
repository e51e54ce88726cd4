import { DomainError } from '@skein/domain';
import type { Cron } from '@skein/ports';
import { Cron as Croner } from 'croner';
import { findCronProblem } from './find-cron-problem.ts';

/** Parsed expressions kept for reuse; a scheduler asks for the same few again and again. */
const cacheSize = 1_000;

/**
 * Cron on croner. A fixed time in the hour that daylight saving skips fires at the first instant after the gap, and
 * one in the hour that it repeats fires once; expressions with a wildcard follow the wall clock through both.
 * `nextFire` throws `invalid_argument` for an expression or a zone that is none.
 */
export const createCron = (): Cron => {
  const jobs = new Map<string, Croner>();
  const jobOf = (cron: string, timeZone: string): Croner => {
    const key = `${timeZone} ${cron}`;
    const known = jobs.get(key);
    if (known !== undefined) return known;
    const tidy = cron.trim().replace(/\s+/g, ' ');
    const problem = findCronProblem(tidy, timeZone);
    if (problem !== undefined) {
      throw new DomainError('invalid_argument', problem.finding.message, { problems: [problem.finding] });
    }
    const job = new Croner(tidy, { timezone: timeZone, mode: '5-part', paused: true });
    if (jobs.size >= cacheSize) jobs.clear();
    jobs.set(key, job);
    return job;
  };
  return {
    nextFire: (cron, timeZone, afterMs) => jobOf(cron, timeZone).nextRun(new Date(afterMs))?.getTime(),
  };
};
