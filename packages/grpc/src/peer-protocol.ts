import { loadService } from './load-service.ts';

/** The service and the message types of the peer protocol, loaded once per process from the `.proto` file. */
export const { service: peerService, messageType: peerMessageType } = loadService({
  file: 'skein/peer/v1/peer.proto',
  package: 'skein.peer.v1',
  service: 'PeerService',
  rawMethod: 'Talk',
});
