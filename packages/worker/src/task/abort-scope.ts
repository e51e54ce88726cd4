import { DomainError } from '@skein/domain';
import type { Clock } from '@skein/ports';

/** A signal that aborts with its parent, or by itself when the time is up. */
export interface AbortScope {
  readonly signal: AbortSignal;
  /** Aborts for another reason; the first one counts. */
  abort(reason: DomainError): void;
  /** Ends the timer and lets go of the parent. */
  close(): void;
}

/** Opens a scope of at most `timeoutMs`; its own abort has the reason `deadline_exceeded`. */
export const openAbortScope = (clock: Clock, parent: AbortSignal, timeoutMs: number | undefined): AbortScope => {
  const controller = new AbortController();
  const onParentAbort = (): void => controller.abort(parent.reason);
  if (parent.aborted) onParentAbort();
  else parent.addEventListener('abort', onParentAbort, { once: true });
  const cancelTimer =
    timeoutMs === undefined
      ? undefined
      : clock.after(timeoutMs, () => {
          controller.abort(new DomainError('deadline_exceeded', `the step did not end within ${timeoutMs} ms`));
        });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    close: () => {
      cancelTimer?.();
      parent.removeEventListener('abort', onParentAbort);
    },
  };
};
