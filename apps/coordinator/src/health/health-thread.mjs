// The thread that answers for the coordinator's health: it goes on when the coordinator's own loop does not.
// It is JavaScript because a worker thread loads its file without a compiler, also when tests run on sources.
//
// H1 What it has not heard for `staleMs` it does not know: it answers `unknown`, never the last that it heard.
// H2 It holds nothing of the coordinator: what it is told is a short text, and the newest replaces the one before.
import { createServer } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

/** @typedef {import('./health-messages.ts').HealthReport} HealthReport */
/** @typedef {import('./health-messages.ts').HealthReply} HealthReply */

const port = parentPort;
if (port === null) throw new Error('not a worker thread');

/** @type {{ host: string, port: number, staleMs: number, deadMs: number }} */
const { host, port: listenPort, staleMs, deadMs } = workerData;

/** @type {HealthReport | undefined} */
let report;
let heardAt = performance.now();

/** @param {HealthReply} reply */
const say = (reply) => port.postMessage(reply);

const silentMs = () => Math.round(performance.now() - heardAt);

/** @returns {[number, object]} */
const readiness = () => {
  const silent = silentMs();
  if (report === undefined || silent >= staleMs)
    return [503, { status: 'unknown', checks: {}, loop: { silentMs: silent } }];
  const { status, checks, loopLagMs, lastCommitAgeMs, oldestWaitingMs } = report;
  const loop = { silentMs: silent, lagMs: loopLagMs };
  const store = { lastCommitAgeMs, oldestWaitingMs };
  return [status === 'ready' ? 200 : 503, { status, checks, loop, store }];
};

/** @returns {[number, object]} */
const liveness = () => {
  const silent = silentMs();
  return silent < deadMs
    ? [200, { status: 'ok', loop: { silentMs: silent } }]
    : [503, { status: 'unknown', loop: { silentMs: silent } }];
};

/** @type {Readonly<Record<string, () => [number, object]>>} */
const routes = { '/readyz': readiness, '/healthz': liveness };

const server = createServer({ maxHeaderSize: 8_192 }, (request, response) => {
  request.resume();
  const path = (request.url ?? '').split('?')[0] ?? '';
  const route = request.method === 'GET' && Object.hasOwn(routes, path) ? routes[path] : undefined;
  const [status, body] = route?.() ?? [404, { status: 'not_found' }];
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
});
server.maxConnections = 100;
server.requestTimeout = 5_000;
server.on('error', (error) => say({ type: 'failed', message: error.message }));
server.listen(listenPort, host, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') return;
  say({ type: 'listening', port: address.port });
});

port.on('message', (message) => {
  if (message === 'close') {
    server.close();
    server.closeAllConnections();
    port.close();
    return;
  }
  report = message;
  heardAt = performance.now();
});
