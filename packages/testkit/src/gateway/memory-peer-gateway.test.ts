import { FakeClock } from '../fake-clock.ts';
import { describePeerGateway } from './describe-peer-gateway.ts';
import { createMemoryPeerGateway } from './memory-peer-gateway.ts';

describePeerGateway('in memory', async (peer) => ({
  gateway: createMemoryPeerGateway(peer, new FakeClock()),
  close: async () => undefined,
}));
