import type { Clock, PeerGateway } from '@skein/ports';
import { createChannel } from './memory-gateway.ts';

/** A peer in the same process that behaves like a wire: nothing arrives in the turn in which it was sent. */
export const createMemoryPeerGateway = (target: PeerGateway, clock: Clock): PeerGateway => ({
  openPeerStream: (credentials, listener) => {
    const down = createChannel(clock, listener);
    const link = target.openPeerStream(credentials, {
      onMessage: (message) => down.send(message),
      onClosed: (error) => down.close(error),
    });
    return createChannel(clock, {
      onMessage: (message) => link.send(message),
      onClosed: (error) => link.close(error),
    });
  },
  callPeer: (credentials, call, signal) => target.callPeer(credentials, call, signal),
});
