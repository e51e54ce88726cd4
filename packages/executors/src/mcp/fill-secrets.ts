import { DomainError, type McpServer } from '@skein/domain';
import type { SecretReader } from '@skein/ports';

/** Texts with each `${secrets.NAME}` replaced. Throws `permission_denied` for a name that the server's definition does not list. */
export const fillSecrets = async (
  texts: { readonly [name: string]: string },
  declared: McpServer['secrets'],
  readSecret: SecretReader,
): Promise<{ readonly [name: string]: string }> => {
  const filled: [string, string][] = [];
  for (const [name, text] of Object.entries(texts)) {
    let done = '';
    let from = 0;
    for (const match of text.matchAll(/\$\{secrets\.([^}]*)\}/g)) {
      const [written, secret = ''] = match;
      if (!declared.includes(secret)) {
        throw new DomainError('permission_denied', `the server does not declare the secret ${JSON.stringify(secret)}`);
      }
      done += text.slice(from, match.index) + (await readSecret(secret));
      from = match.index + written.length;
    }
    filled.push([name, done + text.slice(from)]);
  }
  return Object.fromEntries(filled);
};
