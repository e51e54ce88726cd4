// One HTTP request of an MCP server's address.
// G1 No connection goes to a metadata or link-local address: each address that a name resolves to is checked, and the connection is
//    made to an address that was checked.
// G2 A redirect is followed only within the origin, with the same method and body; so are headers sent, which may hold secrets.
// G3 What is read is bounded by its reader; nothing is decompressed.
import { type LookupAddress, lookup } from 'node:dns';
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { DomainError, isDomainError } from '@skein/domain';
import { isRefusedAddress, isRefusedHost } from './refused-addresses.ts';

/** What to send. */
export interface GuardedRequest {
  readonly url: URL;
  readonly method: 'POST' | 'DELETE';
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
}

/** Finds the addresses of a name; the system's own resolver unless a test says otherwise. */
export type ResolveName = (
  hostname: string,
  answer: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

const systemResolver: ResolveName = (hostname, answer) => lookup(hostname, { all: true }, answer);

/** Connections to one server at once; a server that asks much is answered slowly. */
const maxSockets = 16;

/** Requests of one server, over connections of their own. */
export class GuardedClient {
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true, maxSockets }),
    'https:': new HttpsAgent({ keepAlive: true, maxSockets }),
  };
  readonly #lookup: LookupFunction;

  constructor(resolve: ResolveName = systemResolver) {
    this.#lookup = checkedLookup(resolve);
  }

  /** Throws `permission_denied` for what G1 and G2 refuse, `unavailable` for what cannot be reached. Abort rejects with its reason. */
  async request(request: GuardedRequest, signal: AbortSignal): Promise<IncomingMessage> {
    let url = request.url;
    for (let redirects = 0; ; redirects += 1) {
      const response = await this.#once({ ...request, url }, signal);
      const status = response.statusCode ?? 0;
      const { location } = response.headers;
      if (status < 300 || status >= 400 || location === undefined) return response;
      response.destroy();
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next?.origin !== url.origin) throw refusedRedirect();
      if ((status !== 307 && status !== 308) || redirects >= maxRedirects) {
        throw new DomainError('unavailable', `the server redirects (HTTP ${status}) in a way that cannot be followed`);
      }
      url = next;
    }
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #once({ url, method, headers, body }: GuardedRequest, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (isRefusedHost(url.hostname)) throw refusedAddress();
      const send: (url: URL, options: RequestOptions, answer: (response: IncomingMessage) => void) => ClientRequest =
        url.protocol === 'https:' ? httpsRequest : httpRequest;
      const agent = this.#agents[url.protocol === 'https:' ? 'https:' : 'http:'];
      const outgoing = send(url, { method, headers, agent, lookup: this.#lookup }, (response) => {
        response.on('error', () => undefined); // its reader is told too; an answer that nobody reads may break as it likes
        resolve(response);
      });
      const onAbort = (): void => void outgoing.destroy();
      signal.addEventListener('abort', onAbort, { once: true });
      outgoing.on('close', () => signal.removeEventListener('abort', onAbort));
      outgoing.on('error', (error) => reject(signal.aborted ? signal.reason : requestError(error)));
      outgoing.end(body);
    });
  }
}

const maxRedirects = 3;

const checkedLookup =
  (resolve: ResolveName): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      const wanted = addresses?.filter(({ family }) => !options.family || family === Number(options.family)) ?? [];
      const [first] = wanted;
      if (error !== null) callback(error, '');
      else if (wanted.some(({ address }) => isRefusedAddress(address))) callback(refusedAddress(), '');
      else if (first === undefined)
        callback(new DomainError('unavailable', 'the name of the server has no address'), '');
      else if (options.all) callback(null, [...wanted]);
      else callback(null, first.address, first.family);
    });
  };

const refusedAddress = (): DomainError =>
  new DomainError('permission_denied', 'the server has a link-local or metadata address; no connection is made to it');

const refusedRedirect = (): DomainError =>
  new DomainError('permission_denied', 'the server redirects to another origin; that is not followed');

const requestError = (error: Error): DomainError => {
  if (isDomainError(error)) return error;
  const code = 'code' in error ? String(error.code) : error.name;
  return new DomainError('unavailable', `the server cannot be reached (${code})`, {}, error);
};
