import { setTimeout as sleep } from 'node:timers/promises';

/** One piece of an attempt's log. */
export interface LogPiece {
  readonly attempt: number;
  readonly bytes: Uint8Array;
  readonly next: number;
  readonly complete: boolean;
}

/**
 * The log from its first piece on, until it is complete. It stays with the attempt that it began with; a step that had not begun
 * is waited for.
 */
export async function* followLog(
  first: LogPiece,
  asked: number | undefined,
  read: (offset: number, attempt: number | undefined) => Promise<LogPiece>,
  pollMs: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let piece = first;
  let pauseMs = pollMs;
  for (;;) {
    if (piece.bytes.byteLength > 0) {
      pauseMs = pollMs;
      yield piece.bytes;
    }
    if (piece.complete && piece.bytes.byteLength === 0) return;
    if (signal.aborted) return;
    if (!piece.complete && piece.bytes.byteLength === 0) {
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 1.5, pollMs * 5);
      if (signal.aborted) return;
    }
    const attempt = asked ?? (piece.attempt > 0 ? piece.attempt : undefined);
    piece = await read(piece.next, attempt);
  }
}
