import type { RetryPolicy } from '../dag/step.ts';

/** Longest backoff of any policy, in ms: one day. */
export const maxRetryDelayMs = 24 * 60 * 60 * 1000;

/**
 * Milliseconds to wait before the retry that follows failure number `failures` (from 1): `interval * backoff^(failures - 1)`,
 * at most `maxIntervalMs`. Deterministic, because the instant is recorded in the log.
 */
export const retryDelayMs = (policy: RetryPolicy, failures: number): number => {
  const raw = policy.intervalMs * policy.backoff ** Math.max(0, failures - 1);
  const cap = Math.min(policy.maxIntervalMs ?? maxRetryDelayMs, maxRetryDelayMs);
  return Math.min(cap, Math.max(0, Math.round(raw)));
};

/** True when an attempt that failed with this exit code is to be tried again; `failures` counts this one too. */
export const mayRetry = (policy: RetryPolicy | undefined, failures: number, exitCode: number | undefined): boolean => {
  if (policy === undefined || failures > policy.limit) return false;
  return policy.exitCodes.length === 0 || (exitCode !== undefined && policy.exitCodes.includes(exitCode));
};
