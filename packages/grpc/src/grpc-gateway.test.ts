import { createMemoryLog, describeGateway, patientLimits as limits } from '@skein/testkit';
import { createGrpcGateway } from './create-grpc-gateway.ts';
import { serveGateway } from './serve-gateway.ts';

const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

describeGateway('gRPC on loopback', async (coordinator) => {
  const log = createMemoryLog();
  const served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log, meter, limits });
  const gateway = createGrpcGateway({ address: served.address, limits });
  return {
    gateway,
    loseCoordinator: () => served.close(0),
    close: async () => {
      gateway.close();
      await served.close(0);
    },
  };
});
