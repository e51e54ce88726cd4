import { type Digest, DomainError, defaultTenant, isDomainError } from '@skein/domain';
import type { Clock, Hasher, Log, Secrets, TokenKind, TokenRole, TokenStore } from '@skein/ports';
import type { AuditedStart } from '../audited-start.ts';
import { readPrivateFile, writePrivateFile } from '../private-files.ts';

/** What first tokens of a fleet are made with. */
export interface SharedTokensDeps {
  readonly tokens: TokenStore;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly audited: AuditedStart;
}

/** One of the first tokens. */
export interface FirstToken {
  readonly kind: TokenKind;
  readonly name: string;
  /** Of an API token; `admin` when absent. */
  readonly role?: TokenRole;
  /** Its text when it was given from outside, by a variable. */
  readonly given?: string;
  /** Where its text is read, or written when this coordinator made it; absent: only a token that is given is made. */
  readonly path?: string;
}

/**
 * Makes sure of a first token on a store that several coordinators share. One that is given, by a variable or in the file, is inserted when
 * the store does not know it. Otherwise it is made once, by whichever coordinator starts first: the id is the same for all, so the database
 * lets in one, and only that one writes its file. Throws `unauthenticated` for a given token that was revoked, has expired, or is known
 * with another kind or role.
 */
export const ensureSharedToken = async (deps: SharedTokensDeps, token: FirstToken): Promise<void> => {
  const { tokens, clock, hasher, secrets, log, audited } = deps;
  const { kind, name, role, path } = token;
  const text = token.given ?? (path === undefined ? undefined : await readPrivateFile(path));
  const record = {
    tenant: defaultTenant,
    kind,
    name,
    ...(role === undefined ? {} : { role }),
    createdAt: clock.now(),
  } as const;
  const insert = (tokenId: string, hash: Digest): Promise<void> =>
    audited('start.create_token', async () => {
      await tokens.insert({ ...record, tokenId, hash });
      return { target: tokenId, details: { kind, name } };
    });
  if (text !== undefined) {
    const hash = hasher.digest(text);
    const known = await tokens.findByHash(hash);
    if (known === undefined) {
      // Another coordinator that starts now may be first: it is the same token then.
      await insert(`tok_given-${hash.slice(7, 39)}`, hash);
      return;
    }
    const isDead = known.revokedAt !== undefined || (known.expiresAt ?? Number.POSITIVE_INFINITY) <= clock.now();
    const isSame = known.kind === kind && (known.role ?? 'admin') === (role ?? 'admin');
    if (isSame && !isDead) return;
    throw new DomainError(
      'unauthenticated',
      `the ${kind} token ${name} that was given is not valid any more, or has another kind or role`,
    );
  }
  if (path === undefined) return;
  const made = `skt_${secrets.secureToken()}`;
  const tokenId = `tok_first-${kind}`;
  const isThere = (await tokens.list(defaultTenant)).some((known) => known.tokenId === tokenId);
  const isMade = !isThere && (await isFirst(insert(tokenId, hasher.digest(made))));
  if (!isMade) {
    log.info('the first token was made by another start: use that one, or give one from outside', { kind });
    return;
  }
  await writePrivateFile(path, `${made}\n`);
};

/** False when another one inserted it before. */
const isFirst = async (insertion: Promise<void>): Promise<boolean> => {
  try {
    await insertion;
    return true;
  } catch (error) {
    if (!isDomainError(error) || error.code !== 'already_exists') throw error;
    return false;
  }
};
