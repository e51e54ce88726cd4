import type { TenantId } from '@skein/domain';
import { DomainError, isDomainError, utf8Bytes, utf8Length } from '@skein/domain';
import type { SealedSecret, Sealer, SecretStore } from '@skein/ports';
import { maxSecretBytes } from '@skein/ports';
import type { CoordinatorDeps } from '../engine/coordinator-deps.ts';
import type { SecretRotation, StoredSecrets, StoredSecretView } from './secrets-api.ts';

type Deps = Pick<CoordinatorDeps, 'clock' | 'log' | 'sealedSecrets' | 'sealer'>;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** Begins the names of what triggers keep among the sealed values; no secret's name can begin so. */
export const triggerPrefix = 'trigger/';

/** Values that one round of a rotation reads. */
const perRound = 100;

/** The store and the key of secrets at rest. Throws `unimplemented`, which says what to do. */
export const vaultOf = ({ sealedSecrets, sealer }: Deps): { readonly store: SecretStore; readonly sealer: Sealer } => {
  if (sealedSecrets !== undefined && sealer !== undefined) return { store: sealedSecrets, sealer };
  throw new DomainError(
    'unimplemented',
    'this coordinator has no key for secrets at rest; give it SKEIN_SECRETS_KEY_FILE or SKEIN_SECRETS_KEY: 32 random bytes in base64',
    { reason: 'no_secrets_key' },
  );
};

const viewOf = ({ name, keyId, updatedAt, updatedBy }: Omit<SealedSecret, 'sealed'>): StoredSecretView => ({
  name,
  keyId,
  updatedAt: new Date(updatedAt).toISOString(),
  updatedBy,
});

const checkName = (name: string): void => {
  if (namePattern.test(name)) return;
  throw new DomainError('invalid_argument', 'a secret has a name of 1 to 128 letters, digits, "_", "." and "-"', {
    problems: [{ message: 'not a name of a secret', field: 'name' }],
  });
};

/** The use cases of secrets at rest. No value is in an error, a log line or an answer. */
export const createStoredSecrets = (deps: Deps): StoredSecrets => ({
  set: async (tenant, name, value, by) => {
    const { store, sealer } = vaultOf(deps);
    checkName(name);
    const actual = utf8Length(value);
    if (actual > maxSecretBytes)
      throw new DomainError('too_large', 'the secret is too large', { limit: maxSecretBytes, actual });
    if (value === '')
      throw new DomainError('invalid_argument', 'an empty secret is none', {
        problems: [{ message: 'must not be empty', field: 'value' }],
      });
    const secret: SealedSecret = {
      tenant,
      name,
      keyId: sealer.keyId,
      sealed: sealer.seal({ tenant, name }, utf8Bytes(value)),
      updatedAt: deps.clock.now(),
      updatedBy: by,
    };
    await store.put(secret);
    return viewOf(secret);
  },
  list: async (tenant) => {
    const rows = await (deps.sealedSecrets ?? vaultOf(deps).store).list(tenant);
    return rows.filter(({ name }) => !name.startsWith(triggerPrefix)).map(viewOf);
  },
  remove: async (tenant, name) => {
    checkName(name);
    await (deps.sealedSecrets ?? vaultOf(deps).store).remove(tenant, name);
  },
  rotate: () => rotate(deps),
});

/** Each is written on its own, so that dying in the middle leaves the rest to the next call. */
const rotate = async (deps: Deps): Promise<SecretRotation> => {
  const { store, sealer } = vaultOf(deps);
  const failed = new Map<string, { readonly name: string; readonly code: string }>();
  const rotated = new Set<string>();
  for (;;) {
    const rows = await store.listSealedByOthers(sealer.keyId, perRound + failed.size);
    const left = rows.filter((row) => !failed.has(keyOf(row)));
    if (left.length === 0) break;
    for (const row of left) {
      if (rotated.has(keyOf(row))) {
        throw new DomainError(
          'version_conflict',
          'another coordinator seals with another key; give all the same first key',
        );
      }
      const context = { tenant: row.tenant, name: row.name };
      const plain = openOrCode(sealer, row);
      if (typeof plain === 'string') {
        failed.set(keyOf(row), { name: row.name, code: plain });
        deps.log.warn('a stored secret could not be sealed anew', { secretName: row.name, code: plain });
        continue;
      }
      // One that was set or removed meanwhile stays as it is now, and is looked at again.
      const sealed = sealer.seal(context, plain);
      if (await store.replace({ ...row, keyId: sealer.keyId, sealed }, row)) rotated.add(keyOf(row));
    }
  }
  return { keyId: sealer.keyId, rotated: rotated.size, failed: [...failed.values()] };
};

const keyOf = ({ tenant, name }: SealedSecret): string => `${tenant}\n${name}`;

/** The plain bytes, or the code of what keeps them closed. */
const openOrCode = (sealer: Sealer, { tenant, name, keyId, sealed }: SealedSecret): Uint8Array | string => {
  try {
    return sealer.open({ tenant, name }, keyId, sealed);
  } catch (thrown) {
    if (isDomainError(thrown)) return thrown.code;
    throw thrown;
  }
};

/** The value of a stored secret for a task; undefined when there is none, or nothing could open it because no key is given. Throws `unavailable`, `data_corrupt`. */
export const readStoredSecret = async (deps: Deps, tenant: TenantId, name: string): Promise<string | undefined> => {
  const { sealedSecrets, sealer } = deps;
  if (sealedSecrets === undefined || sealer === undefined || !namePattern.test(name)) return undefined;
  const found = await sealedSecrets.read(tenant, name);
  if (found === undefined) return undefined;
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(sealer.open({ tenant, name }, found.keyId, found.sealed));
};
