import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createClient } from './create-client.ts';

/** A server that answers every call with `answer`, and what it was asked. */
const serve = async (answer: unknown) => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      seen.push(`${request.method} ${request.url}${body === '' ? '' : ` ${body}`}`);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { seen, client: createClient({ url, token: 'tok', retry: { attempts: 1 } }) };
};

test('scopes and proposal ids stand safely in addresses', async () => {
  const { client, seen } = await serve({ items: [{ scope: 'global' }], nextCursor: null });
  expect(await client.memory.list()).toEqual([{ scope: 'global' }]);
  await client.memory.read('agent/writer', 3);
  await client.memory.set('dag/x', 'text', { expectedRevision: 0 });
  await client.memory.history('global', { limit: 2 });
  await client.memory.proposals({ status: 'review' });
  await client.memory.approve('run_1:write[3]:1:0');
  await client.memory.reject('run_1:write[3]:1:0');
  await client.memory.revertRun('run_1');
  expect(await client.memory.fold('global')).toEqual([{ scope: 'global' }]);
  expect(seen).toEqual([
    'GET /api/memory?limit=1000',
    'GET /api/memory/scopes?scope=agent%2Fwriter&revision=3',
    'PUT /api/memory/scopes?scope=dag%2Fx {"text":"text","expectedRevision":0}',
    'GET /api/memory/history?scope=global&limit=2',
    'GET /api/memory/proposals?status=review',
    'POST /api/memory/proposals/run_1%3Awrite%5B3%5D%3A1%3A0/approve {}',
    'POST /api/memory/proposals/run_1%3Awrite%5B3%5D%3A1%3A0/reject {}',
    'POST /api/runs/run_1/memory/revert {}',
    'POST /api/memory/fold {"scope":"global"}',
  ]);
});

test('versions and snapshots are compared, and a snapshot is a file', async () => {
  const { client, seen } = await serve({});
  await client.agents.diff('writer', 'v1', 'abcdef');
  await client.snapshots.diff('sha256:aa', 'sha256:bb');
  await client.snapshots.inspect('abcdef');
  await client.snapshots.download('abcdef');
  expect(seen).toEqual([
    'GET /api/agents/writer/diff?from=v1&to=abcdef',
    'GET /api/snapshots/diff?a=sha256%3Aaa&b=sha256%3Abb',
    'GET /api/snapshots/abcdef',
    'GET /api/snapshots/abcdef/file',
  ]);
});
