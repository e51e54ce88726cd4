import type { Tracer } from '@skein/ports';
import { createMemoryLog } from '@skein/testkit';
import { createHttpServer, type GuardConfig, type HttpLimits } from '../src/index.ts';
import { apiToken, FakeCoordinator } from './fake-coordinator.ts';

/** An API over the fake coordinator, without a socket until `listen` is called. */
export const startApi = (limits: Partial<HttpLimits> = {}, guard: Partial<GuardConfig> = {}, tracer?: Tracer) => {
  const coordinator = new FakeCoordinator();
  const log = createMemoryLog();
  const counted: { name: string; labels: { readonly [key: string]: string } }[] = [];
  const server = createHttpServer({
    coordinator,
    log,
    meter: {
      count: (name, _by, labels) => counted.push({ name, labels: labels ?? {} }),
      gauge: () => undefined,
      observe: () => undefined,
    },
    metricsText: async () => 'skein_up 1\n',
    limits,
    guard,
    ...(tracer === undefined ? {} : { tracer }),
  });
  const send = (method: string, path: string, init: { body?: unknown; headers?: Record<string, string> } = {}) =>
    server.request(
      new Request(`http://skein.test${path}`, {
        method,
        headers: {
          authorization: `Bearer ${apiToken}`,
          ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...init.headers,
        },
        ...(init.body === undefined
          ? {}
          : { body: typeof init.body === 'string' ? init.body : JSON.stringify(init.body) }),
      }),
    );
  return { coordinator, log, counted, server, send };
};

/** A problem answer's fields. */
export const problemOf = async (response: Response) => {
  const body = (await response.json()) as { [key: string]: unknown };
  return { status: response.status, type: response.headers.get('content-type'), code: body['code'], body };
};
