import type { Coordinator, SendMessage } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';
import { keepWorkersSpread } from '../fleet/rebalance-workers.ts';
import { listAllApprovals } from './all-approvals.ts';
import { nearCall } from './near-call.ts';
import type { LocalCall } from './route-call.ts';
import { routeCall } from './route-call.ts';
import type { RoutedMethod } from './routes.ts';
import { routes } from './routes.ts';
import { createPeerCalls } from './serve-peer-calls.ts';

/**
 * The use cases of a fleet, as one of its coordinators offers them: what needs the run's home goes there, what the store can answer stays
 * here (`routes.ts`). Peers may call what is not local. Without a fleet it is `local` itself.
 */
export const createRoutedCoordinator = (engine: Engine, local: Coordinator): Coordinator => {
  if (engine.config.fleet === undefined) return local;
  engine.peers.serve(createPeerCalls(engine, local));
  const routed: { [method: string]: unknown } = { ...local };
  for (const [method, route] of Object.entries(routes)) {
    const call = local[method as keyof Coordinator] as unknown as LocalCall;
    if (route === 'home' || route === 'any')
      routed[method] = (...args: readonly unknown[]) => routeCall(engine, method as RoutedMethod, call, args);
    if (route === 'near')
      routed[method] = (...args: readonly unknown[]) => nearCall(engine, method as RoutedMethod, call, args);
  }
  let stopSpreading: () => void = () => undefined;
  const routedSend = routed['sendMessage'] as Coordinator['sendMessage'];
  return {
    ...(routed as unknown as Coordinator),
    start: async () => {
      await local.start();
      stopSpreading = keepWorkersSpread(engine);
    },
    stop: async () => {
      stopSpreading();
      await local.stop();
    },
    listApprovals: (tenant, runId) => listAllApprovals(engine, tenant, runId),
    sendMessage: async (tenant, runId, step, message, sender) => {
      // Named before it leaves, so that it can be sent again when its answer is lost.
      const named: SendMessage = { ...message, messageId: message.messageId ?? engine.deps.ids.next('msg') };
      const sent = await routedSend(tenant, runId, step, named, sender);
      return message.messageId === undefined ? { ...sent, created: true } : sent;
    },
  };
};
