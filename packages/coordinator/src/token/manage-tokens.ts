import type { TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { TokenKind, TokenRecord } from '@skein/ports';
import { tokenRoles } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { endSession } from '../fleet/end-session.ts';
import { scopeOf } from './scope-of.ts';
import type { CreateTokenOptions, TokenView } from './token-views.ts';

const iso = (at: number): string => new Date(at).toISOString();

const viewOf = (record: TokenRecord): TokenView => ({
  tokenId: record.tokenId,
  kind: record.kind,
  name: record.name,
  ...(record.kind === 'api' ? { role: record.role ?? 'admin' } : {}),
  ...(record.scope?.labels === undefined ? {} : { labels: record.scope.labels }),
  ...(record.scope?.maxUses === undefined ? {} : { maxUses: record.scope.maxUses, uses: record.scope.uses ?? 0 }),
  createdAt: iso(record.createdAt),
  ...(record.expiresAt === undefined ? {} : { expiresAt: iso(record.expiresAt) }),
  ...(record.revokedAt === undefined ? {} : { revokedAt: iso(record.revokedAt) }),
});

/** Makes a token; its text is returned once and only its SHA-256 is stored (S3). Throws `invalid_argument`, `unavailable`. */
export const createToken = async (
  engine: Engine,
  tenant: TenantId,
  kind: TokenKind,
  name: string,
  ttlMs?: number,
  options: CreateTokenOptions = {},
): Promise<{ readonly token: string; readonly view: TokenView }> => {
  const { clock, ids, hasher, secrets, tokens } = engine.deps;
  if (name.length === 0 || name.length > 200)
    throw new DomainError('invalid_argument', 'a token needs a name of 1 to 200 characters');
  if (ttlMs !== undefined && !(ttlMs > 0))
    throw new DomainError('invalid_argument', 'the time to live of a token must be above 0');
  const { role } = options;
  if (role !== undefined && (kind !== 'api' || !tokenRoles.includes(role))) {
    throw new DomainError('invalid_argument', 'only a token for the API has a role', {
      problems: [{ message: 'not a role of such a token', field: 'role', expected: tokenRoles.join(', ') }],
    });
  }
  const scope = scopeOf(kind, options);
  const token = `skt_${secrets.secureToken()}`;
  const createdAt = clock.now();
  const record: TokenRecord = {
    tokenId: ids.next('tok'),
    tenant,
    kind,
    name,
    ...(role === undefined ? {} : { role }),
    ...(scope === undefined ? {} : { scope }),
    hash: hasher.digest(token),
    createdAt,
    ...(ttlMs === undefined ? {} : { expiresAt: createdAt + ttlMs }),
  };
  await tokens.insert(record);
  engine.tokens.forget();
  engine.members.changed(tenant, 'tokens');
  return { token, view: viewOf(record) };
};

/** All tokens of a tenant, live and dead. */
export const listTokens = async (engine: Engine, tenant: TenantId): Promise<readonly TokenView[]> =>
  (await engine.deps.tokens.list(tenant)).map(viewOf);

/** Revokes a token; workers that joined with it are cut off at once. Throws `not_found`, `unavailable`. */
export const revokeToken = async (engine: Engine, tenant: TenantId, tokenId: string): Promise<void> => {
  await engine.deps.tokens.revoke(tenant, tokenId, engine.deps.clock.now());
  engine.tokens.forget();
  engine.members.changed(tenant, 'tokens');
  cutOff(engine, new Set([tokenId]));
};

const cutOff = (engine: Engine, tokenIds: ReadonlySet<string>): void => {
  for (const session of engine.fleet.sessions) {
    if (session.link === undefined || session.via !== undefined || !tokenIds.has(session.tokenId)) continue;
    const error = new DomainError('unauthenticated', 'the token was revoked');
    endSession(engine, session, error);
  }
};

/** Cuts off workers whose token was revoked, or expired, elsewhere. Throws `unavailable`. */
export const recheckTokens = async (engine: Engine): Promise<void> => {
  const tenants = new Set(
    engine.fleet.sessions
      .filter(({ link, via }) => link !== undefined && via === undefined)
      .map(({ tenant }) => tenant),
  );
  const now = engine.deps.clock.now();
  for (const tenant of tenants) {
    const dead = (await engine.deps.tokens.list(tenant)).filter(
      ({ revokedAt, expiresAt }) => revokedAt !== undefined || (expiresAt !== undefined && expiresAt <= now),
    );
    if (dead.length > 0) cutOff(engine, new Set(dead.map(({ tokenId }) => tokenId)));
  }
};
