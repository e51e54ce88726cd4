import { DomainError } from '@skein/domain';
import type { CoordinatorGateway, PeerGateway } from '@skein/ports';

/** Doors that are served before there is a coordinator behind them: its addresses are known only once a port is bound. */
export interface LateGateways {
  readonly workers: CoordinatorGateway;
  readonly peers: PeerGateway;
  open(coordinator: { readonly gateway: CoordinatorGateway; readonly peerGateway: PeerGateway }): void;
}

/** Doors that answer `unavailable` until they are opened. */
export const createLateGateways = (): LateGateways => {
  let behind: Parameters<LateGateways['open']>[0] | undefined;
  const notYet = (): DomainError => new DomainError('unavailable', 'the coordinator is not ready');
  const workers = (): CoordinatorGateway => {
    if (behind === undefined) throw notYet();
    return behind.gateway;
  };
  const peers = (): PeerGateway => {
    if (behind === undefined) throw notYet();
    return behind.peerGateway;
  };
  return {
    open: (coordinator) => {
      behind = coordinator;
    },
    workers: {
      openWorkerStream: (credentials, listener) => workers().openWorkerStream(credentials, listener),
      reportExit: async (...args) => workers().reportExit(...args),
      fetchSnapshot: async (...args) => workers().fetchSnapshot(...args),
      fetchPart: async (...args) => workers().fetchPart(...args),
      readSecret: async (...args) => workers().readSecret(...args),
      fetchBlob: async (...args) => workers().fetchBlob(...args),
      mayStoreBlob: async (...args) => workers().mayStoreBlob?.(...args),
      storeBlob: async (...args) => workers().storeBlob(...args),
    },
    peers: {
      openPeerStream: (credentials, listener) => peers().openPeerStream(credentials, listener),
      callPeer: async (...args) => peers().callPeer(...args),
    },
  };
};
