import type { Sealer, SecretStore } from '@skein/ports';
import { createFakeSealer, createMemoryLog, FakeClock, MemorySecretStore } from '@skein/testkit';
import { expect, test } from 'vitest';
import { createStoredSecrets, readStoredSecret } from './stored-secrets.ts';

const open = (
  sealer: Sealer | undefined = createFakeSealer('key_1'),
  sealedSecrets: SecretStore = new MemorySecretStore(),
) => {
  const deps = {
    clock: new FakeClock(),
    log: createMemoryLog(),
    sealedSecrets,
    ...(sealer === undefined ? {} : { sealer }),
  };
  return { deps, secrets: createStoredSecrets(deps), sealedSecrets };
};

test('a secret is stored sealed, listed without its value, and read for a task', async () => {
  const { deps, secrets, sealedSecrets } = open();
  const view = await secrets.set('default', 'DB', 'hunter2', 'anna');
  expect(view).toMatchObject({ name: 'DB', keyId: 'key_1', updatedBy: 'anna' });
  expect(await secrets.list('default')).toEqual([view]);
  const stored = await sealedSecrets.read('default', 'DB');
  expect(Buffer.from(stored!.sealed).toString()).not.toContain('hunter2');
  expect(await readStoredSecret(deps, 'default', 'DB')).toBe('hunter2');
  expect(await readStoredSecret(deps, 'other', 'DB')).toBeUndefined();
  await secrets.remove('default', 'DB');
  await secrets.remove('default', 'DB');
  expect(await readStoredSecret(deps, 'default', 'DB')).toBeUndefined();
});

test('what was sealed in one place opens in no other', async () => {
  const { deps, secrets, sealedSecrets } = open();
  await secrets.set('default', 'A', 'hunter2', 'anna');
  const stored = await sealedSecrets.read('default', 'A');
  await sealedSecrets.put({ ...stored!, name: 'B' });
  await expect(readStoredSecret(deps, 'default', 'B')).rejects.toMatchObject({ code: 'data_corrupt' });
});

test('without a key nothing can be stored, and the error says how to give one', async () => {
  const deps = { clock: new FakeClock(), log: createMemoryLog(), sealedSecrets: new MemorySecretStore() };
  const secrets = createStoredSecrets(deps);
  const refused = expect.objectContaining({
    code: 'unimplemented',
    message: expect.stringContaining('SKEIN_SECRETS_KEY'),
  });
  await expect(secrets.set('default', 'A', 'b', 'anna')).rejects.toThrow(refused);
  await expect(secrets.rotate()).rejects.toThrow(refused);
  expect(await secrets.list('default')).toEqual([]);
  expect(await readStoredSecret(deps, 'default', 'A')).toBeUndefined();
});

test.each(['', '.a', 'a/b', 'trigger/trg_1', 'a b', 'a'.repeat(129), 'ä'])(
  '%j is no name of a secret',
  async (name) => {
    const { deps, secrets, sealedSecrets } = open();
    await expect(secrets.set('default', name, 'value', 'anna')).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(secrets.remove('default', name)).rejects.toMatchObject({ code: 'invalid_argument' });
    await sealedSecrets.put({
      tenant: 'default',
      name,
      keyId: 'key_1',
      sealed: deps.sealer!.seal({ tenant: 'default', name }, new Uint8Array([97])),
      updatedAt: 0,
      updatedBy: 'x',
    });
    expect(await readStoredSecret(deps, 'default', name)).toBeUndefined();
  },
);

test('an empty and a too large value are refused without being repeated', async () => {
  const { secrets } = open();
  await expect(secrets.set('default', 'A', '', 'anna')).rejects.toMatchObject({ code: 'invalid_argument' });
  const large = 'hunter2'.repeat(100_000);
  const thrown: unknown = await secrets.set('default', 'A', large, 'anna').catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: 'too_large' });
  expect(String(thrown)).not.toContain('hunter2');
});

test('a rotation seals everything of all tenants with the new key, and goes on where another one died', async () => {
  const store = new MemorySecretStore();
  const old = open(createFakeSealer('key_1'), store);
  for (let index = 0; index < 250; index += 1)
    await old.secrets.set(index % 2 === 0 ? 'default' : 'b', `S${index}`, `v${index}`, 'anna');
  let writes = 0;
  const dying: SecretStore = {
    put: (secret) => store.put(secret),
    read: (tenant, name) => store.read(tenant, name),
    list: (tenant) => store.list(tenant),
    listSealedByOthers: (keyId, limit) => store.listSealedByOthers(keyId, limit),
    remove: (tenant, name) => store.remove(tenant, name),
    replace: async (secret, before) => {
      writes += 1;
      if (writes > 120) throw new Error('killed');
      return store.replace(secret, before);
    },
  };
  const sealer = createFakeSealer('key_2', 'key_1');
  await expect(open(sealer, dying).secrets.rotate()).rejects.toThrow('killed');
  const fresh = open(sealer, store);
  expect(await fresh.secrets.rotate()).toEqual({ keyId: 'key_2', rotated: 130, failed: [] });
  expect(await fresh.secrets.rotate()).toEqual({ keyId: 'key_2', rotated: 0, failed: [] });
  const onlyNew = open(createFakeSealer('key_2'), store).deps;
  for (let index = 0; index < 250; index += 1)
    expect(await readStoredSecret(onlyNew, index % 2 === 0 ? 'default' : 'b', `S${index}`)).toBe(`v${index}`);
});

test('a secret that is set while it is sealed anew keeps the new value', async () => {
  const store = new MemorySecretStore();
  await open(createFakeSealer('key_1'), store).secrets.set('default', 'A', 'old', 'anna');
  const sealer = createFakeSealer('key_2', 'key_1');
  const { secrets, deps } = open(sealer, store);
  const listing = store.listSealedByOthers.bind(store);
  store.listSealedByOthers = async (keyId, limit) => {
    const rows = await listing(keyId, limit);
    if (rows.length > 0) await open(createFakeSealer('key_1'), store).secrets.set('default', 'A', 'new', 'bert');
    store.listSealedByOthers = listing;
    return rows;
  };
  expect(await secrets.rotate()).toMatchObject({ rotated: 1 });
  expect(await readStoredSecret(deps, 'default', 'A')).toBe('new');
});

test('one that cannot be opened is named and keeps no other from its turn', async () => {
  const store = new MemorySecretStore();
  await open(createFakeSealer('key_lost'), store).secrets.set('default', 'A', 'x', 'anna');
  await open(createFakeSealer('key_1'), store).secrets.set('default', 'B', 'y', 'anna');
  const { secrets } = open(createFakeSealer('key_2', 'key_1'), store);
  expect(await secrets.rotate()).toEqual({ keyId: 'key_2', rotated: 1, failed: [{ name: 'A', code: 'unavailable' }] });
});
