import { FakeClock } from '../fake-clock.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { describeGateway } from './describe-gateway.ts';
import { FaultyGateway } from './faulty-gateway.ts';
import { createMemoryGateway } from './memory-gateway.ts';

describeGateway('in memory', async (coordinator) => ({
  gateway: createMemoryGateway(coordinator, new FakeClock()),
  close: async () => undefined,
}));

describeGateway('faulty, without a fault', async (coordinator) => {
  const gateway = new FaultyGateway({ target: coordinator, clock: new FakeClock(), random: createSeededRandom(1) });
  return { gateway, loseCoordinator: async () => gateway.cutAll(), close: async () => undefined };
});
