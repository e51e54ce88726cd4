import { DomainError } from '@skein/domain';
import type { CoordinatorGateway } from '@skein/ports';
import { createGrpcGateway } from '../src/create-grpc-gateway.ts';
import { serveGateway } from '../src/serve-gateway.ts';

// Reads one secret, the first argument, over gRPC; run with the transport's debug output on. It has no test kit, which needs vitest.

const value = process.argv[2] ?? '';
const unused = (): never => {
  throw new DomainError('unimplemented', 'not in this test');
};
const coordinator: CoordinatorGateway = {
  openWorkerStream: unused,
  reportExit: unused,
  fetchSnapshot: unused,
  fetchPart: unused,
  readSecret: async () => value,
  fetchBlob: unused,
  storeBlob: unused,
};
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const meter = { count: quiet, gauge: quiet, observe: quiet };
const served = await serveGateway({ gateway: coordinator, address: '127.0.0.1:0', log, meter });
const gateway = createGrpcGateway({ address: served.address });
const task = { runId: 'run_1', step: 'a', attempt: 1, token: 1 };
const read = await gateway.readSecret({ token: 't' }, 'ses_1', task, 'KEY');
gateway.close();
await served.close(0);
console.info(`${read === value ? read.length : -1} characters`);
