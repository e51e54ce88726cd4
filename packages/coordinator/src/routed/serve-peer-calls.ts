import { DomainError, shardOf } from '@skein/domain';
import type { Coordinator } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';
import type { PeerCallHandler } from '../peers/peers.ts';
import { approvalsAtHome } from '../waiting/list-approvals.ts';
import { answerPeer, movedReason } from './ask-peer.ts';
import { fromPeerJson } from './peer-json.ts';
import { runOfCall } from './place-of-call.ts';
import type { LocalCall } from './route-call.ts';
import type { RoutedMethod } from './routes.ts';
import { isRouted } from './routes.ts';

/** Arguments that a method may have at most, its tenant first. */
const maxArgs = 8;

const checkHome = async (engine: Engine, method: RoutedMethod, args: readonly unknown[]): Promise<void> => {
  const runId = await runOfCall(engine, method, args);
  const isHere = runId === undefined ? engine.runs.shards.size > 0 : engine.members.homeOf(shardOf(runId)) === 'here';
  if (isHere && engine.phase === 'running') return;
  throw new DomainError('unavailable', 'another coordinator is home to this', { reason: movedReason });
};

/** What peers may call: the use cases that are not local, carried out here and nowhere else, so that no call goes round in circles. */
export const createPeerCalls =
  (engine: Engine, local: Coordinator): PeerCallHandler =>
  async ({ method, args: given }) => {
    if (!isRouted(method)) throw new DomainError('unimplemented', 'coordinators cannot be asked for this', { method });
    const args: readonly unknown[] = given.map(fromPeerJson);
    if (args.length > maxArgs || typeof args[0] !== 'string' || typeof shapeOf(method, args) !== 'object')
      throw new DomainError('invalid_argument', 'the arguments are not those of this call', { method });
    return answerPeer(engine, async () => {
      if (method === 'listApprovals') return approvalsAtHome(engine, args[0] as string);
      await checkHome(engine, method, args);
      const call = local[method] as unknown as LocalCall;
      return call(...(args as unknown as readonly never[]));
    });
  };

/** What the second argument must be: a run or a letter by its id, or what is to be submitted. */
const shapeOf = (method: RoutedMethod, args: readonly unknown[]): object | undefined => {
  if (method === 'listApprovals') return args;
  if (method === 'submitRun') return typeof args[1] === 'object' && args[1] !== null ? args : undefined;
  if (typeof args[1] !== 'string') return undefined;
  const needsOptions = method === 'retryRun' || method === 'redriveDeadLetter';
  if (needsOptions && (typeof args[2] !== 'object' || args[2] === null)) return undefined;
  if (method === 'pushBack' && (typeof args[3] !== 'object' || args[3] === null)) return undefined;
  return args;
};
