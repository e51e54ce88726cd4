import { DomainError, isDomainError } from '@skein/domain';
import { errorOfResponse } from './problem-error.ts';

/** How often and how patiently a repeatable call is tried again. */
export interface RetryOptions {
  /** Tries in all, the first included. */
  readonly attempts: number;
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Where a client talks to. */
export interface TransportOptions {
  /** For example `http://127.0.0.1:7420`. */
  readonly url: string;
  readonly token?: string;
  readonly fetch?: typeof fetch;
  readonly retry?: Partial<RetryOptions>;
  /** Longest wait for the answer to one call, in ms. Streams have none. */
  readonly timeoutMs?: number;
}

/** One call. */
export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: { readonly [name: string]: string | number | boolean | undefined };
  readonly body?: unknown;
  readonly headers?: { readonly [name: string]: string };
  /** Doing it twice equals doing it once; only such calls are tried again. */
  readonly idempotent: boolean;
  readonly signal?: AbortSignal;
  /** Longer than the client's own limit, for calls that wait on purpose; ms. */
  readonly timeoutMs?: number;
  /** This status is an answer too, not an error. */
  readonly alsoAnswer?: number;
  /** The body is read as it comes; no time limit. */
  readonly stream?: boolean;
}

/** Sends calls; throws `DomainError` only. */
export interface Transport {
  send(request: Request): Promise<Response>;
  json<T>(request: Request): Promise<T>;
  readonly retry: RetryOptions;
}

const defaultRetry: RetryOptions = { attempts: 5, baseMs: 100, maxMs: 3_000 };

/** HTTP with a bearer token, typed errors, and retries of what may be repeated when the server is not available. */
export const createTransport = (options: TransportOptions): Transport => {
  const base = options.url.replace(/\/+$/, '');
  const retry = { ...defaultRetry, ...options.retry };
  const send = async (request: Request): Promise<Response> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await sendOnce(options, base, request);
      } catch (error) {
        const last = attempt >= retry.attempts || !request.idempotent || request.signal?.aborted === true;
        if (last || !mayPass(error)) throw error;
        await pause(backoffMs(retry, attempt, error), request.signal);
      }
    }
  };
  return {
    send,
    retry,
    json: async <T>(request: Request) => {
      const response = await send(request);
      try {
        return (await response.json()) as T;
      } catch (error) {
        throw unreachable(base, error);
      }
    },
  };
};

/** Pause before try `attempt + 1`: what the server asked for, else exponential with jitter. */
export const backoffMs = (retry: RetryOptions, attempt: number, error?: unknown): number => {
  const asked = isDomainError(error)
    ? (error.details as { retryAfterMs?: unknown } | undefined)?.retryAfterMs
    : undefined;
  if (typeof asked === 'number') return Math.min(asked, retry.maxMs);
  return Math.min(retry.maxMs, retry.baseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
};

/** True for errors that a later try may not meet. */
export const mayPass = (error: unknown): boolean =>
  isDomainError(error) && (error.code === 'unavailable' || error.code === 'resource_exhausted');

/** Waits; an abort ends the wait with `cancelled`. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(new DomainError('cancelled', 'the call was given up'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });

/** The error of a connection that failed or broke. */
export const unreachable = (base: string, cause: unknown): DomainError =>
  new DomainError('unavailable', `cannot reach the coordinator at ${base}`, undefined, cause);

const sendOnce = async (options: TransportOptions, base: string, request: Request): Promise<Response> => {
  const timeout =
    request.stream === true ? undefined : AbortSignal.timeout(request.timeoutMs ?? options.timeoutMs ?? 30_000);
  const signals = [request.signal, timeout].filter((signal) => signal !== undefined);
  let response: Response;
  try {
    response = await (options.fetch ?? fetch)(urlOf(base, request), {
      method: request.method,
      headers: {
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
    });
  } catch (error) {
    if (request.signal?.aborted) throw new DomainError('cancelled', 'the call was given up', undefined, error);
    throw unreachable(base, error);
  }
  if (response.ok || response.status === request.alsoAnswer) return response;
  throw await errorOfResponse(response);
};

const urlOf = (base: string, request: Request): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  const text = query.toString();
  return `${base}${request.path}${text === '' ? '' : `?${text}`}`;
};
