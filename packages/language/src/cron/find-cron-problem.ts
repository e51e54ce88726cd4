import { Cron as Croner } from 'croner';
import type { Finding } from '../problem/source-text.ts';

const nicknames = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const fieldRanges = ['minute 0-59', 'hour 0-23', 'day of month 1-31', 'month 1-12', 'day of week 0-7'] as const;

/** What a problem of a schedule is about. */
export interface CronProblem {
  readonly about: 'cron' | 'timezone';
  readonly finding: Finding;
}

/** Why an expression in a zone cannot be scheduled, or undefined when it can. */
export const findCronProblem = (cron: string, timeZone: string): CronProblem | undefined => {
  if (!isTimeZone(timeZone)) {
    const finding = { message: `unknown time zone ${timeZone}`, expected: 'an IANA name such as Europe/Berlin' };
    return { about: 'timezone', finding };
  }
  const message = `${JSON.stringify(cron)} is not a cron expression`;
  const about = 'cron';
  if (cron.startsWith('@')) {
    if (nicknames.has(cron.toLowerCase())) return undefined;
    return { about, finding: { message, expected: `five fields, or one of ${[...nicknames].join(', ')}` } };
  }
  if (cron.split(' ').length !== 5)
    return { about, finding: { message, expected: `five fields: ${fieldRanges.join(', ')}` } };
  try {
    const job = new Croner(cron, { timezone: timeZone, mode: '5-part', paused: true });
    if (job.nextRun(new Date(0)) === null)
      return { about, finding: { message: `${JSON.stringify(cron)} never fires` } };
    return undefined;
  } catch {
    return { about, finding: { message, expected: fieldRanges.join(', ') } };
  }
};

/** True for an IANA zone that this machine knows; fixed offsets such as +02:00 are none. */
const isTimeZone = (zone: string): boolean => {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
};
