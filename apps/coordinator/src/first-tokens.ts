import type { Coordinator } from '@skein/coordinator';
import { DomainError, defaultTenant, isDomainError } from '@skein/domain';
import type { TokenKind } from '@skein/ports';
import type { AuditedStart } from './audited-start.ts';
import { readPrivateFile, writePrivateFile } from './private-files.ts';

/** What makes tokens. */
type Tokens = Pick<Coordinator, 'authenticate' | 'createToken'>;

/**
 * Makes sure that the file holds a token that works; at the first start that means making one. Its plain text is in that file only,
 * readable by its owner; the store has the hash (S3). A token that was revoked on purpose is not replaced: `unauthenticated`.
 */
export const ensureToken = async (
  coordinator: Tokens,
  audited: AuditedStart,
  kind: TokenKind,
  name: string,
  path: string,
): Promise<void> => {
  const text = await readPrivateFile(path);
  if (text !== undefined) {
    try {
      await coordinator.authenticate(text, kind);
      return;
    } catch (error) {
      if (!isDomainError(error) || error.code !== 'unauthenticated') throw error;
      throw new DomainError(
        'unauthenticated',
        `the ${kind} token in ${path} is not valid in this data folder; remove the file to get a new one`,
      );
    }
  }
  await audited('start.create_token', async () => {
    const { token, view } = await coordinator.createToken(defaultTenant, kind, name);
    await writePrivateFile(path, `${token}\n`);
    return { target: view.tokenId, details: { kind, name } };
  });
};
