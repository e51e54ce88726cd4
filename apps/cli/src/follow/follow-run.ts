import { isTerminalRun, type RunView } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';

/** What following needs of a client. */
export interface FollowedRuns {
  get(runId: string): Promise<RunView>;
  watch: SkeinClient['runs']['watch'];
}

/** Options of `followRun`. */
export interface FollowOptions {
  readonly signal: AbortSignal;
  /** Least time between two looks at the run, in ms; events in between are gathered. */
  readonly everyMs?: number;
  readonly sleep?: (ms: number) => Promise<void>;
}

/**
 * The run as it changes, the last one terminal. Events only say that something happened; what is shown is always read whole, so a
 * reader that is slow, or came late, sees the truth. Ends early, without a terminal view, when the signal aborts.
 */
export async function* followRun(runs: FollowedRuns, runId: string, options: FollowOptions): AsyncGenerator<RunView> {
  const { everyMs = 200, sleep = pause } = options;
  const news = watchForNews(runs, runId, options.signal);
  for (;;) {
    news.seen();
    const run = await runs.get(runId);
    yield run;
    if (isTerminalRun(run.status)) return;
    await news.next();
    if (options.signal.aborted) return;
    if (!news.ended) await sleep(everyMs);
  }
}

interface News {
  /** Nothing new up to now. */
  seen(): void;
  /** Resolves when something happened since `seen`; rejects when watching failed for good. */
  next(): Promise<void>;
  readonly ended: boolean;
}

const watchForNews = (runs: FollowedRuns, runId: string, signal: AbortSignal): News => {
  let fresh = false;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let wake: () => void = () => undefined;
  const tell = () => {
    fresh = true;
    wake();
  };
  const watch = async () => {
    try {
      for await (const event of runs.watch(runId, { signal })) if (event.seq > 0) tell();
    } catch (error) {
      if (!signal.aborted) failure = { error };
    }
    ended = true;
    tell();
  };
  void watch();
  return {
    seen: () => {
      fresh = ended;
    },
    next: async () => {
      if (!fresh) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (failure !== undefined) throw failure.error;
    },
    get ended() {
      return ended;
    },
  };
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
