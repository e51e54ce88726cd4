import { expect, test } from 'vitest';
import { rolloutView } from '../../test/fake-rollouts.ts';
import { startApi } from '../../test/start-api.ts';

const path = '/api/agents/writer/rollout';

test.each([
  ['POST', `${path}/activate`, 'activate'],
  ['POST', `${path}/rollback`, 'rollback'],
  ['DELETE', path, 'cancel'],
] as const)('%s %s takes the rollout that is named', async (method, where, call) => {
  const { send, coordinator } = startApi();
  coordinator.rollouts.set(rolloutView({ status: 'draft' }));
  const body = { rolloutId: 'rol_1', reason: 'not this one' };
  expect((await send(method, where, { body })).status).toBe(200);
  expect(coordinator.rollouts.calls).toEqual([{ name: call, args: ['writer', body, { actor: 'admin' }] }]);
});

test('a pause takes no name: what is paused is live, and only one rollout is', async () => {
  const { send, coordinator } = startApi();
  coordinator.rollouts.set(rolloutView());
  expect((await send('POST', `${path}/pause`, { body: { rolloutId: 'rol_1' } })).status).toBe(400);
});
