import type { TenantId } from '@skein/domain';
import type { SealedSecret, SecretStore } from '@skein/ports';

/** Sealed secrets in memory. */
export class MemorySecretStore implements SecretStore {
  readonly #secrets = new Map<string, SealedSecret>();

  async put(secret: SealedSecret): Promise<void> {
    this.#secrets.set(nameOf(secret.tenant, secret.name), copyOf(secret));
  }

  async read(tenant: TenantId, name: string): Promise<SealedSecret | undefined> {
    const secret = this.#secrets.get(nameOf(tenant, name));
    return secret === undefined ? undefined : copyOf(secret);
  }

  async replace(secret: SealedSecret, before: SealedSecret): Promise<boolean> {
    const stored = this.#secrets.get(nameOf(before.tenant, before.name));
    if (stored?.keyId !== before.keyId || Buffer.compare(stored.sealed, before.sealed) !== 0) return false;
    this.#secrets.set(nameOf(before.tenant, before.name), copyOf(secret));
    return true;
  }

  async list(tenant: TenantId): Promise<readonly Omit<SealedSecret, 'sealed'>[]> {
    return this.#sorted()
      .filter((secret) => secret.tenant === tenant)
      .map(({ sealed: _sealed, ...label }) => label);
  }

  async listSealedByOthers(keyId: string, limit: number): Promise<readonly SealedSecret[]> {
    return this.#sorted()
      .filter((secret) => secret.keyId !== keyId)
      .slice(0, limit)
      .map(copyOf);
  }

  async remove(tenant: TenantId, name: string): Promise<void> {
    this.#secrets.delete(nameOf(tenant, name));
  }

  #sorted(): readonly SealedSecret[] {
    return [...this.#secrets].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, secret]) => secret);
  }
}

const nameOf = (tenant: TenantId, name: string): string => `${tenant}\u0000${name}`;

const copyOf = (secret: SealedSecret): SealedSecret => ({ ...secret, sealed: secret.sealed.slice() });
