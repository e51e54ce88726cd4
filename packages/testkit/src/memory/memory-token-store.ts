import { DomainError, type TenantId } from '@skein/domain';
import type { TokenRecord, TokenStore } from '@skein/ports';

/** Hashed tokens in memory. */
export class MemoryTokenStore implements TokenStore {
  #records: TokenRecord[] = [];

  async insert(record: TokenRecord): Promise<void> {
    const isSame = ({ tenant, tokenId, hash }: TokenRecord) =>
      tenant === record.tenant && tokenId === record.tokenId && hash === record.hash;
    if (this.#records.some(isSame)) return;
    if (this.#records.some((known) => known.tokenId === record.tokenId || known.hash === record.hash)) {
      throw new DomainError('already_exists', 'the token exists already', { tokenId: record.tokenId });
    }
    this.#records.push({ ...record, ...(record.scope === undefined ? {} : { scope: { uses: 0, ...record.scope } }) });
  }

  async findByHash(hash: string): Promise<TokenRecord | undefined> {
    return this.#records.find((record) => record.hash === hash);
  }

  async list(tenant: TenantId): Promise<readonly TokenRecord[]> {
    return this.#records.filter((record) => record.tenant === tenant);
  }

  async revoke(tenant: TenantId, tokenId: string, at: number): Promise<void> {
    const found = this.#records.find((record) => record.tenant === tenant && record.tokenId === tokenId);
    if (found === undefined) throw new DomainError('not_found', 'unknown token', { tokenId });
    if (found.revokedAt !== undefined) return;
    this.#records = this.#records.map((record) => (record === found ? { ...record, revokedAt: at } : record));
  }

  async countUse(tenant: TenantId, tokenId: string): Promise<boolean> {
    const found = this.#records.find((record) => record.tenant === tenant && record.tokenId === tokenId);
    if (found === undefined) return false;
    const uses = found.scope?.uses ?? 0;
    if (uses >= (found.scope?.maxUses ?? Number.POSITIVE_INFINITY)) return false;
    const counted = { ...found, scope: { ...found.scope, uses: uses + 1 } };
    this.#records = this.#records.map((record) => (record === found ? counted : record));
    return true;
  }
}
