import { DomainError, isDomainError } from '@skein/domain';
import { BaseUrls, wasNeverSent } from './base-urls.ts';
import { createHttpsFetch } from './https-fetch.ts';
import { errorOfResponse } from './problem-error.ts';
import { tlsFailureOf } from './tls-failure.ts';

/** How often and how patiently a repeatable call is tried again. */
export interface RetryOptions {
  /** Tries in all, the first included. */
  readonly attempts: number;
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Where a client talks to. */
export interface TransportOptions {
  /** For example `http://127.0.0.1:7420`; of several coordinators a list, or a text with commas between them. */
  readonly url: string | readonly string[];
  readonly token?: string;
  /** PEM of the authority of the server's certificate, which then is the only one trusted; the system's when absent. Not used with `fetch`. */
  readonly ca?: string;
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
  /** The first of the coordinators' URLs. */
  readonly url: string;
  /** The answer before its body is read: a body that breaks off is the caller's to deal with. */
  send(request: Request): Promise<Response>;
  /** What `take` makes of the answer; an answer that breaks off while it is read is tried again like a call that failed. */
  read<T>(request: Request, take: (response: Response) => Promise<T>): Promise<T>;
  json<T>(request: Request): Promise<T>;
  readonly retry: RetryOptions;
}

const defaultRetry: RetryOptions = { attempts: 5, baseMs: 100, maxMs: 3_000 };

/**
 * HTTP with a bearer token, typed errors, and the retry rule: a call that may be repeated is tried again, at the next coordinator, while it
 * meets `unavailable`, `deadline_exceeded` or `resource_exhausted`, or a connection that fails or breaks; any other only when nobody can
 * have seen it.
 */
export const createTransport = (options: TransportOptions): Transport => {
  const bases = new BaseUrls(options.url, Math.random);
  const retry = { ...defaultRetry, ...options.retry };
  const custom = options.fetch ?? (options.ca === undefined ? undefined : createHttpsFetch(options.ca));
  const sent = custom === undefined ? options : { ...options, fetch: custom };
  const attempts = retry.attempts + bases.count - 1;
  const read = async <T>(request: Request, take: (response: Response) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      const base = bases.current;
      try {
        const response = await sendOnce(sent, base, request);
        return await take(response).catch((error: unknown) => {
          throw isDomainError(error) ? error : broken(base, request, error);
        });
      } catch (error) {
        if (leavesBase(error)) bases.leave(base);
        const repeatable = request.idempotent || wasNeverSent(error);
        const last = attempt >= attempts || !repeatable || request.signal?.aborted === true;
        // A certificate that cannot be trusted says nothing of the other coordinators.
        const isAnother = attempt < bases.count && leavesBase(error);
        if (last || !(mayPass(error) || isAnother)) throw error;
        // Another coordinator has not been asked yet: it need not be waited for.
        const ms =
          attempt < bases.count ? retry.baseMs * Math.random() : backoffMs(retry, attempt - bases.count + 1, error);
        await pause(ms, request.signal);
      }
    }
  };
  return {
    url: bases.first,
    retry,
    read,
    send: (request) => read(request, async (response) => response),
    json: <T>(request: Request) => read(request, async (response) => (await response.json()) as T),
  };
};

const broken = (base: string, request: Request, error: unknown): DomainError =>
  request.signal?.aborted === true
    ? new DomainError('cancelled', 'the call was given up', undefined, error)
    : unreachable(base, error);

/** This coordinator is of no use now; one that only has too much to do is not left. */
const leavesBase = (error: unknown): boolean =>
  isDomainError(error) && (error.code === 'unavailable' || error.code === 'deadline_exceeded');

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
  isDomainError(error) &&
  (error.code === 'resource_exhausted' ||
    error.code === 'deadline_exceeded' ||
    (error.code === 'unavailable' && (error.details as { readonly reason?: unknown } | undefined)?.reason !== 'tls'));

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
export const unreachable = (base: string, cause: unknown): DomainError => {
  const why = tlsFailureOf(cause);
  return why === undefined
    ? new DomainError('unavailable', `cannot reach the coordinator at ${base}`, undefined, cause)
    : new DomainError('unavailable', `cannot trust the coordinator at ${base}: ${why}`, { reason: 'tls' }, cause);
};

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
