/** A file as a tool read it. */
export interface ReadFile {
  /** UTF-8 text; at most the bytes that were asked for, cut between characters. */
  readonly text: string;
  /** Size of the whole file. */
  readonly bytes: number;
  readonly truncated: boolean;
  /** Permission bits. */
  readonly mode: number;
}

/** One command for `bash`. */
export interface BashRequest {
  readonly command: string;
  readonly timeoutMs: number;
  /** Bytes kept of stdout and stderr together; the rest is dropped and `truncated` says so. */
  readonly maxOutputBytes: number;
  /** `SKEIN_IDEMPOTENCY_KEY` of the command: the same in every attempt of this call. */
  readonly idempotencyKey?: string;
  /** `TRACEPARENT` of the command. */
  readonly traceparent?: string;
}

/** How a command ended. */
export interface BashResult {
  /** Absent when a signal ended it. */
  readonly exitCode?: number;
  readonly signal?: string;
  /** stdout and stderr in order of arrival. */
  readonly output: string;
  readonly truncated: boolean;
  readonly timedOut: boolean;
}

/** What a server answered to a tool. */
export interface FetchedPage {
  readonly status: number;
  readonly contentType?: string;
  /** UTF-8 text; at most the bytes that were asked for, cut between characters. */
  readonly text: string;
  readonly truncated: boolean;
}

/**
 * Files and processes for an agent's tools, jailed to `root`, the private directory of one attempt.
 * Every path is relative to `root`, with `/`. Whatever leaves `root` (`..`, an absolute path, a symbolic link) is refused with
 * `permission_denied` and touches nothing. Calls on one file are not ordered; the caller runs writes one after the other.
 */
export interface ToolHost {
  /** Throws `permission_denied`, `not_found`, `invalid_argument` (a directory, a device, not UTF-8). */
  readFile(root: string, path: string, maxBytes: number): Promise<ReadFile>;
  /** Makes missing folders; replaces the whole file. `mode` holds permission bits. Throws `permission_denied`, `invalid_argument`. */
  writeFile(root: string, path: string, bytes: Uint8Array, mode: number): Promise<void>;
  /**
   * Runs `bash -c` in `root` with a clean environment (no secrets) and no input. Resolves for every exit code.
   * When it resolves or rejects, the command and all that it started in its process group are gone. Abort rejects with the signal's reason.
   */
  runBash(root: string, request: BashRequest, signal: AbortSignal): Promise<BashResult>;
  /**
   * Asks for a URL (`GET`), without credentials, where the operator of the worker lets requests go; a host without it has no tool `http`.
   * Throws `invalid_argument` (no URL), `permission_denied` (the address, a redirect), `unavailable`, `deadline_exceeded`. Abort rejects with the signal's reason.
   */
  fetchPage?(url: string, maxBytes: number, signal: AbortSignal, traceparent?: string): Promise<FetchedPage>;
}
