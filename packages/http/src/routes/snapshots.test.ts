import { describe, expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

const digest = `sha256:${'ab'.repeat(32)}`;

describe('a snapshot', () => {
  test('is shown with what asked for each part and its sizes', async () => {
    const response = await startApi().send('GET', `/api/snapshots/${digest}`);
    expect(await response.json()).toEqual({
      digest,
      bytes: 3,
      uncompressedBytes: 5,
      manifest: {
        formatVersion: 1,
        parts: [{ kind: 'soul', name: 'kind', size: 5, digest, askedBy: ['hello/greet'] }],
      },
    });
  });

  test.each(['/file', '?download=true'])('is downloaded with %s', async (how) => {
    const response = await startApi().send('GET', `/api/snapshots/${digest}${how}`);
    expect(response.headers.get('content-type')).toBe('application/gzip');
    expect(response.headers.get('content-disposition')).toContain('abababababab.skein-snapshot.gz');
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([31, 139, 8]));
  });

  test('is compared with another, and `diff` is no digest', async () => {
    const { send } = startApi();
    const response = await send('GET', `/api/snapshots/diff?a=abcdef&b=${digest}`);
    expect(await response.json()).toEqual({ a: 'abcdef', b: digest, added: [], removed: [], changed: [], same: 2 });
    expect(await problemOf(await send('GET', '/api/snapshots/diff?a=abcde&b=abcdef'))).toMatchObject({ status: 400 });
  });

  test('whose name is no digest is not found', async () => {
    expect((await startApi().send('GET', '/api/snapshots/abc')).status).toBe(404);
  });
});

test('versions of an agent are compared', async () => {
  const { send } = startApi();
  const response = await send('GET', '/api/agents/writer/diff?from=v1&to=sha256:abcdef');
  expect(await response.json()).toMatchObject({
    agentId: 'writer',
    from: { alias: 'v1' },
    changes: [{ path: 'instructions', kind: 'changed' }],
  });
  expect((await send('GET', '/api/agents/writer/diff?from=v1')).status).toBe(400);
});

test('an apply names candidates and answers its plan', async () => {
  const { send, coordinator } = startApi();
  const files = [{ path: 'dags/a.yaml', text: 'x' }];
  const response = await send('POST', '/api/apply', { body: { files, candidate: true, dryRun: true } });
  expect(await response.json()).toMatchObject({ plan: { memory: [{ scope: 'global', change: 'kept' }] } });
  expect(coordinator.applied).toMatchObject([{ candidate: true, activate: false, dryRun: true }]);
  const both = await send('POST', '/api/apply', { body: { files, candidate: true, activate: true } });
  expect(await problemOf(both)).toMatchObject({ status: 400, code: 'invalid_argument' });
});

test.each(['/api/agents/nobody/versions', '/api/schedules?dag=nothing', '/api/memory/scopes?scope=dag/none'])(
  '%s is not found',
  async (path) => {
    expect(await problemOf(await startApi().send('GET', path))).toMatchObject({ status: 404, code: 'not_found' });
  },
);

test('runs are listed by the run that called them, and started with input that is not trusted', async () => {
  const { send, coordinator } = startApi();
  const asked: unknown[] = [];
  const list = coordinator.listRuns.bind(coordinator);
  coordinator.listRuns = (filter) => {
    asked.push(filter);
    return list(filter);
  };
  await send('GET', '/api/runs?parent=run_7');
  expect(asked).toMatchObject([{ parentRunId: 'run_7' }]);
  const submit = coordinator.submitRun.bind(coordinator);
  coordinator.submitRun = (tenant, body) => {
    asked.push(body);
    return submit(tenant, body);
  };
  await send('POST', '/api/runs', { body: { dag: 'hello', untrustedInput: true } });
  expect(asked[1]).toMatchObject({ dag: 'hello', untrustedInput: true });
});
