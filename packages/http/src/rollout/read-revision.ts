import { DomainError } from '@skein/domain';
import type { Context } from 'hono';
import type { ApiEnv } from '../app/api.ts';

/**
 * The revision that the caller saw: the field `revision` of the body, or the header `If-Match: "REVISION"`. Undefined when neither is there.
 * Throws `invalid_argument` for a header of another form, and when the two differ.
 */
export const readRevision = (context: Context<ApiEnv>, inBody: number | undefined): number | undefined => {
  const header = context.req.header('if-match');
  if (header === undefined) return inBody;
  const digits = /^"([1-9]\d{0,15})"$/.exec(header)?.[1];
  const revision = Number(digits);
  if (digits === undefined || !Number.isSafeInteger(revision)) {
    throw refused('If-Match', 'must be one revision in double quotes, for example "7"');
  }
  if (inBody !== undefined && inBody !== revision) throw refused('revision', 'differs from the header If-Match');
  return revision;
};

/**
 * The same for calls that need one. `findAgent` rejects for an agent that there is none of: that it is unknown says more than that a revision is
 * missing, which nobody could know. Throws `invalid_argument`, and what it throws.
 */
export const requireRevision = async (
  context: Context<ApiEnv>,
  inBody: number | undefined,
  findAgent: () => Promise<unknown>,
): Promise<number> => {
  const revision = readRevision(context, inBody);
  if (revision !== undefined) return revision;
  await findAgent();
  throw refused(
    'revision',
    'is missing: send the revision that you saw, in the body or as the header If-Match: "REVISION"; GET …/rollout tells it',
  );
};

const refused = (field: string, message: string): DomainError =>
  new DomainError('invalid_argument', `${field}: ${message}`, { problems: [{ message, field }] });
