import type { SkeinClient } from '@skein/sdk';

/** What load and judges need of the Skein under trouble: one coordinator, or a fleet of them. */
export interface ChaosTarget {
  readonly client: SkeinClient;
  /** An API call; JSON in, JSON out. */
  call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
    patience?: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: T }>;
}
