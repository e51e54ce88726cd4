import { expect, test } from 'vitest';
import { problemOf, startApi } from '../../test/start-api.ts';

const path = '/api/agents/writer/rollout';
const canary = { candidateVersionId: 'v2' };

test('[defect 34] an unknown agent, and a name that none can have, is 404 on every path', async () => {
  const { send } = startApi();
  const agent = (name: string) => `/api/agents/${name}`;
  const calls = (name: string) =>
    [
      ['GET', `${agent(name)}/rollout`],
      ['POST', `${agent(name)}/rollout`, canary],
      ['POST', `${agent(name)}/rollout/forecast`, canary],
      ['PATCH', `${agent(name)}/rollout`, { revision: 1, weight: 0.1 }],
      ['PATCH', `${agent(name)}/rollout`, { weight: 0.1 }],
      ['DELETE', `${agent(name)}/rollout`],
      ['POST', `${agent(name)}/rollout/activate`],
      ['POST', `${agent(name)}/rollout/pause`],
      ['POST', `${agent(name)}/rollout/resume`],
      ['POST', `${agent(name)}/rollout/approve`],
      ['POST', `${agent(name)}/rollout/promote`, { revision: 1 }],
      ['POST', `${agent(name)}/rollout/promote`],
      ['POST', `${agent(name)}/rollout/rollback`],
      ['GET', `${agent(name)}/rollout/results`],
      ['GET', `${agent(name)}/rollout/observations`],
      ['GET', `${agent(name)}/rollout/watch`],
      ['GET', `${agent(name)}/rollouts`],
      ['GET', `${agent(name)}/freeze`],
      ['PUT', `${agent(name)}/freeze`, { reason: 'x' }],
      ['DELETE', `${agent(name)}/freeze`],
      ['GET', `${agent(name)}/replays`],
      ['POST', `${agent(name)}/replays`, { candidate: 'v2', runs: { kind: 'failed' } }],
      ['GET', `${agent(name)}/replays/rpl_1`],
    ] as const;
  for (const name of ['nobody', '..%2fwriter', '%00', 'a%3Ab']) {
    for (const [method, where, body] of calls(name)) {
      expect(await problemOf(await send(method, where, { body })), `${method} ${where}`).toMatchObject({
        status: 404,
        code: 'not_found',
      });
    }
  }
});

test('what is malformed is 400 whatever agent it is for', async () => {
  const { send } = startApi();
  for (const [method, where, body] of [
    ['POST', 'rollout', { candidateVersionId: 7 }],
    ['PATCH', 'rollout', { wieght: 1 }],
    ['PATCH', 'rollout', { revision: 'seven', weight: 0.1 }],
    ['POST', 'rollout/promote', { revision: 0 }],
  ] as const) {
    const problem = await problemOf(await send(method, `/api/agents/nobody/${where}`, { body }));
    expect(problem, `${method} ${where}`).toMatchObject({ status: 400, code: 'invalid_argument' });
  }
});

test('no call works without a token', async () => {
  const { server, coordinator } = startApi();
  for (const [method, where] of [
    ['GET', path],
    ['POST', path],
    ['GET', `${path}/watch`],
    ['GET', '/api/rollout-events'],
    ['GET', '/api/rollouts'],
    ['POST', '/api/runs/run_1/scores'],
    ['PUT', '/api/agents/writer/freeze'],
  ] as const) {
    expect((await server.request(new Request(`http://skein.test${where}`, { method }))).status, where).toBe(401);
  }
  expect(coordinator.rollouts.calls).toEqual([]);
});

test('every path is in the OpenAPI document, with what it answers', async () => {
  const document = (await (await startApi().send('GET', '/openapi.json')).json()) as {
    paths: { [path: string]: { [method: string]: { operationId: string; responses: object } } };
    components: { schemas: object };
  };
  const operations = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(operations).size).toBe(operations.length);
  expect(Object.keys(document.paths['/api/agents/{agentId}/rollout'] ?? {}).toSorted()).toEqual([
    'delete',
    'get',
    'patch',
    'post',
  ]);
  for (const where of [
    'rollout/forecast',
    'rollout/activate',
    'rollout/pause',
    'rollout/resume',
    'rollout/approve',
    'rollout/promote',
    'rollout/rollback',
    'rollout/results',
    'rollout/observations',
    'rollout/watch',
    'rollouts',
    'freeze',
    'replays',
    'replays/{replayId}',
  ]) {
    expect(document.paths, where).toHaveProperty([`/api/agents/{agentId}/${where}`]);
  }
  expect(document.paths).toHaveProperty(['/api/rollouts']);
  expect(document.paths).toHaveProperty(['/api/rollout-events']);
  expect(document.components.schemas).toHaveProperty('Rollout');
  expect(JSON.stringify(document)).not.toContain('Not implemented yet');
});
