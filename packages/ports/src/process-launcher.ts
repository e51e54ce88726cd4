/** How a process ended. */
export interface ProcessExit {
  readonly exitCode?: number;
  readonly signal?: string;
}

/** A child process with everything that it started. */
export interface LaunchedProcess {
  readonly pid: number;
  /** Resolves after the process is gone and every process that it left behind was killed. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}
