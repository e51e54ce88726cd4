import type { TenantId } from '@skein/domain';
import type { Coordinator } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';
import type { RoutedMethod } from './routes.ts';
import { routes } from './routes.ts';

/** The run at whose home a call is carried out; undefined: anybody with shards may. Throws what reading the store throws. */
export const runOfCall = async (
  engine: Engine,
  method: RoutedMethod,
  args: readonly unknown[],
): Promise<string | undefined> => {
  if (method === 'redriveDeadLetter') return runOfRedrive(engine, args as Parameters<Coordinator['redriveDeadLetter']>);
  if (routes[method] === 'any') return undefined;
  return args[1] as string;
};

const runOfRedrive = async (
  engine: Engine,
  [tenant, id, options]: Parameters<Coordinator['redriveDeadLetter']>,
): Promise<string | undefined> => {
  const letter = await engine.deps.delivery.readDeadLetter(tenant as TenantId, id);
  return letter?.kind === 'message' ? (options.runId ?? letter.runId) : undefined;
};

/** Repeating the call changes nothing that the first one did not: it may be made again when nobody knows what came of it. */
export const isRepeatable = (method: RoutedMethod, args: readonly unknown[]): boolean => {
  switch (method) {
    case 'submitRun': {
      const { idempotencyKey, fire } = args[1] as Parameters<Coordinator['submitRun']>[1];
      return idempotencyKey !== undefined || fire !== undefined;
    }
    case 'retryRun':
      return (args[2] as Parameters<Coordinator['retryRun']>[2]).idempotencyKey !== undefined;
    case 'pushBack':
      return (args[3] as Parameters<Coordinator['pushBack']>[3]).round !== undefined;
    default:
      return true;
  }
};
