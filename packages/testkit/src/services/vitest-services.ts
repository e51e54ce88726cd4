import { randomBytes } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PostgresServer, startPostgresServer } from './postgres-server.ts';
import { announceServices, readTestEnvironment } from './test-environment.ts';

let http: Server | undefined;
let postgres: Promise<PostgresServer> | undefined;

/**
 * Before the tests of a project: listens on the loopback for tests that want a server, and starts it when the first one asks. The projects
 * of one run share it.
 */
export const setup = async (): Promise<void> => {
  if (readTestEnvironment().servicesUrl !== undefined) return;
  const secret = randomBytes(12).toString('hex');
  const server = createServer((request, response) => {
    if (request.url === `/${secret}/postgres`) void answerPostgres(response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  server.unref();
  http = server;
  announceServices(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${secret}`);
};

/** After all tests: ends what was started. */
export const teardown = async (): Promise<void> => {
  if (http === undefined) return;
  announceServices(undefined);
  http.close();
  http.closeAllConnections();
  http = undefined;
  const server = await postgres?.catch(() => undefined);
  postgres = undefined;
  await server?.stop();
};

const answerPostgres = async (response: ServerResponse): Promise<void> => {
  try {
    postgres ??= startPostgresServer({ maxConnections: 400 });
    const { url } = await postgres;
    response.end(url);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
};
