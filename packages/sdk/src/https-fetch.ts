import { Agent, request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';

/** Statuses whose responses have no body. */
const bodiless = new Set([101, 204, 205, 304]);

/**
 * `fetch` for servers whose certificate is of one's own authority (PEM; it alone is trusted). The `fetch` of Node can be told so by a
 * variable at its start only, or by a dispatcher of the very version that it was built with; this is `node:https`, the same on every Node.
 * Redirects are not followed, because the API has none. Anything but https goes to the `fetch` of Node.
 */
export const createHttpsFetch = (ca: string): typeof fetch => {
  const agent = new Agent({ keepAlive: true, ca });
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.protocol !== 'https:' || input instanceof Request) return fetch(input, init);
    const { body } = init;
    if (body !== undefined && body !== null && typeof body !== 'string' && !(body instanceof Uint8Array))
      throw new TypeError('the body must be a text or bytes');
    return send(url, agent, init, body ?? undefined);
  };
};

const send = (url: URL, agent: Agent, init: RequestInit, body: string | Uint8Array | undefined): Promise<Response> =>
  new Promise((resolve, reject) => {
    const { signal } = init;
    const headers = Object.fromEntries(new Headers(init.headers ?? {}));
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const request = requestHttps(url, {
      agent,
      method: init.method ?? 'GET',
      headers: { accept: '*/*', ...headers, ...length },
      ...(signal === undefined || signal === null ? {} : { signal }),
    });
    request.once('error', (error) => reject(signal?.aborted === true ? (signal.reason as Error) : error));
    request.once('response', (incoming) => {
      const status = incoming.statusCode ?? 502;
      const pairs: [string, string][] = [];
      for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2)
        pairs.push([incoming.rawHeaders[at] ?? '', incoming.rawHeaders[at + 1] ?? '']);
      const hasBody = !bodiless.has(status) && init.method !== 'HEAD';
      if (!hasBody) incoming.resume();
      // An error after the headers is for whoever reads the body.
      request.on('error', () => undefined);
      const stream = hasBody ? (Readable.toWeb(incoming) as ReadableStream<Uint8Array>) : null;
      resolve(new Response(stream, { status, statusText: incoming.statusMessage ?? '', headers: pairs }));
    });
    request.end(body);
  });
