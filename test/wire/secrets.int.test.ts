import { inspect } from 'node:util';
import { defaultTenant } from '@skein/domain';
import { dagOf, publishAgents, stepOf } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WireWorld } from './wire-world.ts';

// A secret on its way from the coordinator's source to a step, over gRPC: in no log, fact, result or answer of the API.

const canary = 'canary-5eed-31415';
const patience = { timeout: 20_000, interval: 10 };

let world: WireWorld;

beforeEach(async () => {
  world = await new WireWorld().open();
});
afterEach(() => world.close());

test('a declared secret reaches its step, also over a cut connection, and nothing else holds it', async () => {
  const action = { kind: 'shell', commands: ['true'] } as const;
  const dag = dagOf(
    [
      stepOf('a', { action, secrets: [{ env: 'DB', secret: 'DB_PASSWORD' }] }),
      stepOf('b', { action, secrets: [{ env: 'DB', secret: 'DB_PASSWORD' }] }),
      stepOf('c', { action }),
    ],
    { name: 'quiet' },
  );
  await publishAgents(world.stores.projects, world.hasher, { dags: [dag], agents: {} });
  const served = await world.start(
    {},
    { secretValues: { read: async (name) => (name === 'DB_PASSWORD' ? canary : undefined) } },
  );
  const seen: string[] = [];
  await world.join(async ({ offer, readSecret, sink }) => {
    if (offer.stepId === 'a') world.proxy.cutAll();
    const value = await readSecret('DB_PASSWORD').catch((error: { readonly code: string }) => error.code);
    seen.push(`${offer.stepId} ${value}`);
    sink.log(new TextEncoder().encode(`the password is ${value}\n`));
  });
  const { run } = await served.coordinator.submitRun(defaultTenant, { dag: 'quiet' });
  const view = () => served.coordinator.getRun(defaultTenant, run.runId);
  await expect.poll(async () => (await view()).status, patience).toBe('succeeded');
  expect(seen.toSorted()).toEqual([`a ${canary}`, `b ${canary}`, 'c permission_denied']);
  const logs = await Promise.all(
    ['a', 'b', 'c'].map(async (step) => {
      const { bytes } = await served.coordinator.readLog(defaultTenant, run.runId, step, { offset: 0, limit: 10_000 });
      return new TextDecoder().decode(bytes);
    }),
  );
  expect(logs.join('')).toContain('the password is');
  const facts = await world.stores.runs.readFacts(defaultTenant, run.runId, 0);
  expect(facts.filter(({ type }) => type === 'secret_released').length).toBeGreaterThanOrEqual(2);
  const all = inspect([world.lines, facts, logs, await view()], {
    depth: null,
    maxStringLength: null,
    maxArrayLength: null,
  });
  for (const form of [canary, Buffer.from(canary).toString('base64').slice(0, 20)]) expect(all).not.toContain(form);
});
