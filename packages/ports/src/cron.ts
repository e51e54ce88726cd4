/** Cron expressions in time zones. */
export interface Cron {
  /** The first fire strictly after `afterMs` (ms since the epoch), or undefined when there is none. */
  nextFire(cron: string, timeZone: string, afterMs: number): number | undefined;
}
