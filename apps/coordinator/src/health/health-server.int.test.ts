import { expect, onTestFinished, test } from 'vitest';
import type { HealthReport } from './health-messages.ts';
import { serveHealth } from './health-server.ts';

const loopback = { host: '127.0.0.1', port: 0 };

const serve = async (read: () => HealthReport, limits = {}) => {
  const server = await serveHealth(loopback, read, limits);
  onTestFinished(() => server.close());
  const ask = async (path: string) => {
    const response = await fetch(`${server.url}${path}`);
    return { code: response.status, body: (await response.json()) as { status: string } };
  };
  return { server, ask };
};

const ready: HealthReport = { status: 'ready', checks: { store: { ok: true } }, loopLagMs: 1, lastCommitAgeMs: 5 };

/** Keeps the loop of this thread busy, and asks from another process meanwhile. */
const whileBusy = async (url: string): Promise<string> => {
  const { execFileSync } = await import('node:child_process');
  const program = `fetch(${JSON.stringify(url)}).then(async (r) => process.stdout.write(r.status + ' ' + (await r.text())))`;
  const until = performance.now() + 800;
  while (performance.now() < until);
  return execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' });
};

test('what the loop says is answered, with how old the last commit is', async () => {
  const { ask } = await serve(() => ready);
  expect(await ask('/readyz')).toMatchObject({
    code: 200,
    body: { status: 'ready', checks: { store: { ok: true } }, store: { lastCommitAgeMs: 5 } },
  });
  expect(await ask('/healthz')).toMatchObject({ code: 200, body: { status: 'ok' } });
  expect((await ask('/else')).code).toBe(404);
});

test('a loop that is not ready is said so', async () => {
  const { ask } = await serve(() => ({ ...ready, status: 'not_ready' }));
  expect(await ask('/readyz')).toMatchObject({ code: 503, body: { status: 'not_ready' } });
});

test('while the loop is blocked nobody is told that it is ready: readiness is unknown, and later life too', async () => {
  const { server, ask } = await serve(() => ready, { staleMs: 500, deadMs: 700 });
  const blocked = await whileBusy(`${server.url}/readyz`);
  expect(blocked).toMatch(/^503 .*"status":"unknown"/);
  expect(await whileBusy(`${server.url}/healthz`)).toMatch(/^503 .*"status":"unknown"/);
  await expect.poll(async () => (await ask('/readyz')).body.status).toBe('ready');
});

test('an address in use is said plainly', async () => {
  const { server } = await serve(() => ready);
  const port = Number(new URL(server.url).port);
  await expect(serveHealth({ host: '127.0.0.1', port }, () => ready)).rejects.toThrow(
    /cannot be served on 127\.0\.0\.1/,
  );
});
