import { createHmac } from 'node:crypto';
import { DomainError } from '@skein/domain';
import {
  createFakeSealer,
  createMemoryLog,
  createNodeHasher,
  createSequenceIds,
  FakeClock,
  MemorySecretStore,
  testHmac,
} from '@skein/testkit';
import { expect, test } from 'vitest';
import { createStoredSecrets } from '../secrets/stored-secrets.ts';
import { createTriggers } from './create-triggers.ts';
import type { CreateTrigger, TriggerRequest } from './trigger-api.ts';

const token = Buffer.alloc(32, 7).toString('base64url');

const open = () => {
  const deps = {
    clock: new FakeClock(),
    ids: createSequenceIds(),
    secrets: { secureToken: () => token },
    hasher: createNodeHasher(),
    log: createMemoryLog(),
    sealedSecrets: new MemorySecretStore(),
    sealer: createFakeSealer('key_1'),
    hmac: testHmac,
  };
  const triggers = createTriggers(deps, async (_tenant, dag) => {
    if (dag !== 'hello') throw new DomainError('not_found', 'no DAG has this name');
  });
  return { deps, triggers };
};

const make = async (trigger: Partial<CreateTrigger> = {}, tenant = 'default') => {
  const world = open();
  const { view, secret } = await world.triggers.create(tenant, { name: 'push', dag: 'hello', ...trigger }, 'anna');
  const signed = (body: string, changes: Partial<TriggerRequest> = {}): TriggerRequest => {
    const id = changes.id ?? 'msg_1';
    const timestamp = changes.timestamp ?? String(Math.floor(world.deps.clock.now() / 1000));
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    return { signature: `v1,${mac}`, body, id, timestamp, ...changes };
  };
  return { ...world, view, secret, signed };
};

const codeAndMessage = (asked: Promise<unknown>) =>
  asked.then(
    () => 'accepted',
    (thrown: unknown) => (thrown instanceof DomainError ? `${thrown.code}: ${thrown.message}` : thrown),
  );

test('a signed request becomes a run whose params are its body, and whose input is not trusted', async () => {
  const { triggers, view, signed } = await make();
  const accepted = await triggers.accept(view.triggerId, signed('{"ref":"main"}'));
  expect(accepted).toMatchObject({
    tenant: 'default',
    name: 'push',
    submit: { dag: 'hello', params: { body: { ref: 'main' } }, untrustedInput: true },
  });
});

test('the same webhook-id is the same idempotency key, another one is another', async () => {
  const { triggers, view, signed, deps } = await make();
  const keyOf = async (request: TriggerRequest) =>
    (await triggers.accept(view.triggerId, request)).submit.idempotencyKey;
  const first = await keyOf(signed('{}'));
  await deps.clock.advance(60_000);
  expect(await keyOf(signed('{}'))).toBe(first);
  expect(await keyOf(signed('{}', { id: 'msg_2' }))).not.toBe(first);
});

test('declared params are read from the body by pointers; what is not there is left out', async () => {
  const { triggers, view, signed } = await make({
    params: { repo: '/repository/full~1name', first: '/commits/0', all: '', none: '/a/b' },
  });
  const body = { repository: { 'full/name': 'a/b' }, commits: ['c1', 'c2'] };
  const { submit } = await triggers.accept(view.triggerId, signed(JSON.stringify(body)));
  expect(submit.params).toEqual({ repo: 'a/b', first: 'c1', all: body });
});

test('names of every object are no way out of the body', async () => {
  const { triggers, view, signed } = await make({ params: { a: '/__proto__/x', b: '/constructor', c: '/0/length' } });
  const { submit } = await triggers.accept(view.triggerId, signed('{"x":1}'));
  expect(submit.params).toEqual({});
});

test('an unknown trigger and everything that is not its signature have one answer', async () => {
  const { triggers, view, signed } = await make();
  const good = signed('{}');
  const answers = await Promise.all(
    [
      ['trg_unknown', good],
      ['nonsense/../x', good],
      [`${view.triggerId}.other`, good],
      [view.triggerId, { ...good, body: '{ }' }],
      [view.triggerId, { ...good, id: 'msg_2' }],
      [view.triggerId, { ...good, timestamp: String(Number(good.timestamp) + 1) }],
      [view.triggerId, { ...good, signature: undefined }],
      [view.triggerId, { ...good, id: undefined }],
      [view.triggerId, { ...good, timestamp: undefined }],
      [view.triggerId, { ...good, signature: good.signature?.replace('v1,', 'v2,') }],
      [view.triggerId, { ...good, signature: 'v1,' }],
      [view.triggerId, { ...good, signature: `v1,${'A'.repeat(43)}=` }],
    ].map(([id, request]) => codeAndMessage(triggers.accept(id as string, request as TriggerRequest))),
  );
  expect(new Set(answers)).toEqual(new Set(['unauthenticated: the request is not signed for this trigger']));
});

test('one right signature among several is enough, as while a sender changes its secret', async () => {
  const { triggers, view, signed } = await make();
  const good = signed('{}');
  const signature = `v1,${'A'.repeat(43)}= ${good.signature}`;
  expect(await codeAndMessage(triggers.accept(view.triggerId, { ...good, signature }))).toBe('accepted');
});

test.each([
  [-301, false],
  [-300, true],
  [300, true],
  [301, false],
])('a request that is %i seconds off is accepted: %s', async (seconds, isAccepted) => {
  const { triggers, view, signed, deps } = await make();
  const timestamp = String(deps.clock.now() / 1000 + seconds);
  const answer = await codeAndMessage(triggers.accept(view.triggerId, signed('{}', { timestamp })));
  expect(answer).toBe(
    isAccepted ? 'accepted' : 'unauthenticated: webhook-timestamp is more than 300 seconds away from now',
  );
});

test('a body that is no JSON is refused after its signature', async () => {
  const { triggers, view, signed } = await make();
  expect(await codeAndMessage(triggers.accept(view.triggerId, signed('a=b')))).toContain('invalid_argument');
});

test('triggers are listed without their secret, and start nothing once revoked', async () => {
  const { triggers, view, secret, signed, deps } = await make({}, 'team-b');
  expect(view.triggerId).toMatch(/\.team-b$/);
  expect(await triggers.list('team-b')).toEqual([view]);
  expect(await triggers.list('default')).toEqual([]);
  expect(JSON.stringify([await triggers.list('team-b'), deps.log.lines])).not.toContain(secret.slice(6, 20));
  expect(await createStoredSecrets(deps).list('team-b')).toEqual([]);
  await expect(triggers.revoke('default', view.triggerId)).rejects.toMatchObject({ code: 'not_found' });
  expect(await codeAndMessage(triggers.accept(view.triggerId, signed('{}')))).toBe('accepted');
  await triggers.revoke('team-b', view.triggerId);
  expect(await codeAndMessage(triggers.accept(view.triggerId, signed('{}')))).toContain('unauthenticated');
});

test('a trigger of a DAG that is not there, or with a bad pointer, is refused; so is every one without a key', async () => {
  const { triggers, deps } = open();
  await expect(triggers.create('default', { name: 'a', dag: 'none' }, 'anna')).rejects.toMatchObject({
    code: 'not_found',
  });
  await expect(
    triggers.create('default', { name: 'a', dag: 'hello', params: { p: 'a.b' } }, 'anna'),
  ).rejects.toMatchObject({
    code: 'invalid_argument',
  });
  const { sealer: _sealer, ...keyless } = deps;
  const without = createTriggers(keyless, async () => undefined);
  await expect(without.create('default', { name: 'a', dag: 'hello' }, 'anna')).rejects.toMatchObject({
    code: 'unimplemented',
  });
  await expect(without.accept('trg_1', { id: 'a', timestamp: '1', signature: 'x', body: '' })).rejects.toMatchObject({
    code: 'unimplemented',
  });
});
