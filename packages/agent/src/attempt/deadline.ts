import type { Clock } from '@skein/ports';
import { limitReached } from '../turn/budget.ts';

/** A wall-time limit over the caller's own abort. */
export interface Deadline {
  /** Aborted by the caller, with its reason, or by the limit, with the limit's typed failure. */
  readonly signal: AbortSignal;
  leftMs(): number;
  /** Begins to count; without a limit there is only the caller's abort. */
  set(timeoutMs: number | undefined): void;
  clear(): void;
}

/** A deadline that is not set yet. */
export const createDeadline = (clock: Clock, outer: AbortSignal): Deadline => {
  const controller = new AbortController();
  const forward = () => controller.abort(outer.reason);
  if (outer.aborted) forward();
  else outer.addEventListener('abort', forward, { once: true });
  let endsAt = Number.POSITIVE_INFINITY;
  let disarm = () => {};
  return {
    signal: controller.signal,
    set: (timeoutMs) => {
      if (timeoutMs === undefined) return;
      endsAt = clock.monotonicMs() + timeoutMs;
      disarm = clock.after(timeoutMs, () => controller.abort(limitReached('wall_time', timeoutMs)));
    },
    leftMs: () => endsAt - clock.monotonicMs(),
    clear: () => {
      disarm();
      outer.removeEventListener('abort', forward);
    },
  };
};
