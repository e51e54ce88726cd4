// One HTTP request of a step or a tool, whose address somebody else may have chosen.
// H1 Each address that a name resolves to is checked, and the connection is made to an address that was checked: a name that changes its
//    mind between the two (DNS rebinding) changes nothing.
// H2 Each redirect is checked anew. To another origin go no headers but harmless ones, no body, and nothing in plain that was encrypted.
// H3 What is read is bounded; nothing is decompressed.
import { type LookupAddress, lookup } from 'node:dns';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { DomainError, isDomainError } from '@skein/domain';
import { type AllowedTargets, mayConnect } from './allowed-targets.ts';

/** What to send. */
export interface HttpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
  /** Bytes of an answer's body that are taken; more is `too_large`. */
  readonly maxBytes: number;
  /** Take the beginning of a larger body instead, and say so. */
  readonly cuts?: boolean;
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name; several of one name are joined by `, `. */
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array;
  /** There was more than was taken. */
  readonly truncated: boolean;
}

/** Finds the addresses of a name. */
export type ResolveAddresses = (
  hostname: string,
  answer: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

/** Where requests may go, and how names are resolved. */
export interface HttpGate {
  readonly allowed: AllowedTargets;
  /** The system's own resolver when absent. */
  readonly resolve?: ResolveAddresses;
  /** PEM of authorities beside the system's. */
  readonly authority?: string;
}

const maxRedirects = 5;
const harmlessHeaders = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);
const systemResolver: ResolveAddresses = (hostname, answer) => lookup(hostname, { all: true }, answer);

/**
 * Sends a request and follows redirects. Throws `invalid_argument` (no URL of HTTP), `permission_denied` (H1, H2), `too_large`,
 * `unavailable`; abort rejects with the signal's reason.
 */
export const sendRequest = async (request: HttpRequest, gate: HttpGate, signal: AbortSignal): Promise<HttpAnswer> => {
  let url = urlOf(request.url);
  let { method, body } = request;
  let headers = request.headers;
  for (let redirects = 0; ; redirects += 1) {
    const response = await once({ url, method, headers, ...(body === undefined ? {} : { body }) }, gate, signal);
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
      return { status, headers: headersOf(response), ...(await readAll(response, request, signal)) };
    }
    response.destroy();
    if (redirects >= maxRedirects) throw new DomainError('unavailable', 'the server redirects again and again');
    if (!URL.canParse(location, url.href)) throw new DomainError('unavailable', 'the server redirects to no URL');
    const next = urlOf(new URL(location, url).href);
    const turnsToGet = status === 303 || ((status === 301 || status === 302) && method === 'POST');
    if (turnsToGet && method !== 'HEAD') {
      method = 'GET';
      body = undefined;
      headers = without(headers, (name) => name.startsWith('content-'));
    }
    if (next.origin !== url.origin) {
      if (url.protocol === 'https:' && next.protocol === 'http:')
        throw new DomainError('permission_denied', 'the server redirects from https to http; that is not followed');
      if (body !== undefined)
        throw new DomainError(
          'permission_denied',
          'the server redirects a body to another origin; that is not followed',
        );
      headers = without(headers, (name) => !harmlessHeaders.has(name));
    }
    url = next;
  }
};

const urlOf = (text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new DomainError('invalid_argument', 'this is not a URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new DomainError('permission_denied', 'only http and https URLs are requested');
  if (url.username !== '' || url.password !== '')
    throw new DomainError('permission_denied', 'a URL with a user name is not requested; send a header');
  return url;
};

const without = (headers: HttpRequest['headers'], isLeftOut: (name: string) => boolean): HttpRequest['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !isLeftOut(name.toLowerCase())));

interface OneRequest extends Pick<HttpRequest, 'method' | 'headers' | 'body'> {
  readonly url: URL;
}

const once = (
  { url, method, headers, body }: OneRequest,
  gate: HttpGate,
  signal: AbortSignal,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { allowed, authority } = gate;
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    // The connection to a literal address asks no resolver.
    if (isIP(literal) !== 0 && !mayConnect(allowed, literal, literal)) throw refused();
    const options: RequestOptions = {
      method,
      headers: { ...headers, 'accept-encoding': 'identity' },
      agent: false,
      lookup: checkedLookup(allowed, gate.resolve ?? systemResolver),
      ...(authority === undefined ? {} : { ca: authority }),
    };
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = send(url, options, (response) => {
      response.on('error', () => undefined);
      resolve(response);
    });
    const onAbort = (): void => void outgoing.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    outgoing.on('close', () => signal.removeEventListener('abort', onAbort));
    outgoing.on('error', (error) => reject(signal.aborted ? signal.reason : requestError(error)));
    outgoing.end(body);
  });

/** One address that may not be reached is enough to refuse the name. */
const checkedLookup =
  (allowed: AllowedTargets, resolve: ResolveAddresses): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) callback(error, '');
      else if (addresses.some(({ address }) => !mayConnect(allowed, hostname, address))) callback(refused(), '');
      else if (first === undefined)
        callback(new DomainError('unavailable', 'the name of the server has no address'), '');
      else if (options.all) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  };

const refused = (): DomainError =>
  new DomainError(
    'permission_denied',
    'the host has an address that is not public; this worker connects to it only when SKEIN_HTTP_ALLOW names it',
    { reason: 'not_public' },
  );

const requestError = (error: Error): DomainError => {
  if (isDomainError(error)) return error;
  const code = 'code' in error ? String(error.code) : error.name;
  return new DomainError('unavailable', `the server cannot be reached (${code})`, {}, error);
};

const headersOf = (response: IncomingMessage): HttpAnswer['headers'] =>
  Object.fromEntries(
    Object.entries(response.headersDistinct).map(([name, values]) => [name, (values ?? []).join(', ')]),
  );

const readAll = (
  response: IncomingMessage,
  { maxBytes: limit, cuts }: Pick<HttpRequest, 'maxBytes' | 'cuts'>,
  signal: AbortSignal,
): Promise<Pick<HttpAnswer, 'body' | 'truncated'>> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
      response.destroy();
    };
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else if (cuts === true) {
        chunks.push(chunk.subarray(0, chunk.length - (size - limit)));
        signal.removeEventListener('abort', onAbort);
        resolve({ body: Buffer.concat(chunks), truncated: true });
        response.destroy();
      } else fail(new DomainError('too_large', `the answer is larger than ${limit} bytes`, { limit }));
    });
    response.on('end', () => {
      signal.removeEventListener('abort', onAbort);
      resolve({ body: Buffer.concat(chunks), truncated: false });
    });
    response.on('close', () => {
      if (!response.complete) fail(new DomainError('unavailable', 'the server ended its answer in the middle'));
    });
  });
