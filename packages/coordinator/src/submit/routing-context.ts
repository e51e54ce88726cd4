import type { Dag, JsonObject, JsonValue } from '@skein/domain';
import { DomainError, isUnit } from '@skein/domain';

/** Fields by which a rollout chooses where a DAG does not name its own. */
const defaultKeys = ['resourceId', 'threadId'] as const;

/**
 * The routing context of a run: what the request says, and for each routing key that it leaves out, the param of that name, if it is a text. Merged
 * before anything is routed. Throws `invalid_argument` for a text with a NUL or a lone surrogate, which no routing key may hold.
 */
export const routingContextOf = (
  dag: Dag,
  params: { readonly [name: string]: JsonValue },
  asked: JsonObject,
): { [key: string]: JsonValue } => {
  const context: { [key: string]: JsonValue } = { ...asked };
  for (const key of dag.routing?.keys ?? defaultKeys) {
    if (Object.hasOwn(asked, key) || !Object.hasOwn(params, key)) continue;
    const value = params[key];
    if (typeof value === 'string' && value !== '') context[key] = value;
  }
  requireUnits(context);
  return context;
};

/** Throws `invalid_argument` for a text that no routing key may hold. */
export const requireUnits = (context: JsonObject): void => {
  const problems = Object.entries(context)
    .filter(([, value]) => typeof value === 'string' && value !== '' && !isUnit(value))
    .map(([key]) => ({ message: 'a text here may hold no NUL and no lone surrogate', field: `routingContext.${key}` }));
  if (problems.length === 0) return;
  throw new DomainError('invalid_argument', 'the routing context holds a NUL or a lone surrogate', { problems });
};
