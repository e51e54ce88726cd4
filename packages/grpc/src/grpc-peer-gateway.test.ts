import {
  createMemoryLog,
  createNodeHasher,
  describePeerGateway,
  patientLimits as limits,
  ScriptedCoordinator,
  scriptedSecret,
} from '@skein/testkit';
import { createGrpcPeerDialer } from './create-grpc-peer-dialer.ts';
import { serveGateway } from './serve-gateway.ts';

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

describePeerGateway('gRPC on loopback', async (peer) => {
  const log = createMemoryLog();
  const served = await serveGateway({
    gateway: new ScriptedCoordinator(createNodeHasher()),
    peers: { gateway: peer, secret: scriptedSecret },
    address: '127.0.0.1:0',
    log,
    meter,
    limits,
  });
  const connection = createGrpcPeerDialer({ log, meter, limits }).dial(served.address);
  return {
    gateway: connection.peer,
    losePeer: () => served.close(0),
    close: async () => {
      await connection.close();
      await served.close(0);
    },
  };
});
