import type { Coordinator } from '@skein/coordinator';
import { DomainError, type TenantId } from '@skein/domain';

/** Longest token that is looked at. */
const maxTokenChars = 512;

/** Who a bearer token speaks for. Throws `unauthenticated`; the answer never says whether the token exists, expired or is of another kind. */
export const authenticate = async (
  coordinator: Coordinator,
  header: string | undefined,
): Promise<{ readonly tenant: TenantId; readonly by: string }> => {
  const token = header === undefined ? undefined : /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(header)?.[1];
  if (token === undefined || token.length > maxTokenChars) {
    throw new DomainError('unauthenticated', 'send an API token: Authorization: Bearer TOKEN');
  }
  const { tenant, name } = await coordinator.authenticate(token, 'api');
  return { tenant, by: name };
};
