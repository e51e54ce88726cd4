import type { TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { TokenKind, TokenRecord, TokenRole, TokenScope } from '@skein/ports';
import type { CoordinatorDeps } from '../engine/coordinator-deps.ts';
import { recentValues } from '../engine/recent-values.ts';

/** Whom a token stands for. */
export interface Identity {
  readonly tenant: TenantId;
  readonly tokenId: string;
  readonly name: string;
  /** Of an API token: those of before had none and may all. */
  readonly role: TokenRole;
  /** Of a join token that is limited; its count of uses may be old. */
  readonly scope?: TokenScope;
  /** ms since the epoch. */
  readonly expiresAt?: number;
}

interface Cached {
  readonly record: TokenRecord | undefined;
  readonly at: number;
}

const refused = (): DomainError => new DomainError('unauthenticated', 'the token is not valid');

/** Tokens by hash. A look-up is trusted for a short while; a revocation here acts at once, one elsewhere within that while. */
export class TokenCache {
  readonly #deps: Pick<CoordinatorDeps, 'clock' | 'hasher' | 'tokens'>;
  readonly #ttlMs: number;
  /** Rises when all is forgotten. */
  #age = 0;
  readonly #byHash = recentValues<string, Cached>(10_000);

  constructor(deps: Pick<CoordinatorDeps, 'clock' | 'hasher' | 'tokens'>, ttlMs: number) {
    this.#deps = deps;
    this.#ttlMs = ttlMs;
  }

  /** Throws `unauthenticated`, `unavailable`. */
  async authenticate(token: string, kind: TokenKind): Promise<Identity> {
    const hash = this.#deps.hasher.digest(token);
    for (;;) {
      const now = this.#deps.clock.monotonicMs();
      const cached = this.#byHash.get(hash);
      if (cached !== undefined && now - cached.at <= this.#ttlMs) return this.#judge(cached.record, kind);
      const age = this.#age;
      const record = await this.#deps.tokens.findByHash(hash);
      // What was read before a revocation says nothing after it.
      if (age !== this.#age) continue;
      this.#byHash.set(hash, { record, at: now });
      return this.#judge(record, kind);
    }
  }

  /** The same from memory alone; undefined when the store must be asked. Throws `unauthenticated`. */
  authenticateNow(token: string, kind: TokenKind): Identity | undefined {
    const cached = this.#byHash.get(this.#deps.hasher.digest(token));
    if (cached === undefined || this.#deps.clock.monotonicMs() - cached.at > this.#ttlMs) return undefined;
    return this.#judge(cached.record, kind);
  }

  /** Nothing is trusted any more. */
  forget(): void {
    this.#age += 1;
    this.#byHash.clear();
  }

  #judge(record: TokenRecord | undefined, kind: TokenKind): Identity {
    if (record === undefined || record.kind !== kind || record.revokedAt !== undefined) throw refused();
    if (record.expiresAt !== undefined && record.expiresAt <= this.#deps.clock.now()) throw refused();
    const { tenant, tokenId, name, role = 'admin', scope, expiresAt } = record;
    return {
      tenant,
      tokenId,
      name,
      role,
      ...(scope === undefined ? {} : { scope }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
  }
}
