import { isDomainError, shardOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { askPeer } from './ask-peer.ts';
import type { LocalCall } from './route-call.ts';
import type { RoutedMethod } from './routes.ts';

/** What of a home's refusals the store can answer as well. */
const passing: ReadonlySet<string> = new Set([
  'unavailable',
  'deadline_exceeded',
  'cancelled',
  'too_large',
  'unimplemented',
]);

/** A read at the run's home, which knows more than the log says; from the store when the home does not answer, or answers too much. */
export const nearCall = async (
  engine: Engine,
  method: RoutedMethod,
  call: LocalCall,
  args: readonly unknown[],
): Promise<unknown> => {
  const home = engine.members.homeOf(shardOf(args[1] as string));
  if (home !== undefined && home !== 'here' && engine.peers.connected.includes(home.coordinatorId)) {
    const answer = await askPeer(engine, home.coordinatorId, method, args);
    if (answer.status === 'done') return answer.value;
    if (!isDomainError(answer.error) || !passing.has(answer.error.code)) throw answer.error;
  }
  return call(...(args as readonly never[]));
};
