import type { JsonObject } from '@skein/domain';
import { defaultTenant, isDomainError } from '@skein/domain';
import type { Random } from '@skein/ports';
import type { World } from './create-world.ts';
import type { Client } from './sim-clients.ts';
import { call, pick } from './sim-clients.ts';

/** A client of routed runs. */
export interface RoutedClient extends Client {
  readonly routingContext: JsonObject;
  readonly fire?: { readonly scheduleId: string; readonly nominalAt: number };
}

/** Units come again and again; some runs have none, some belong to a schedule. */
export const routedClient = (
  random: Random,
  index: number,
  dags: readonly string[],
  { units, nominalAt }: { readonly units: number; readonly nominalAt: number },
): RoutedClient => {
  const draw = random.next();
  const dag = pick(random, dags) ?? '';
  const key = `key-${index}`;
  const tier = random.next() < 0.7 ? { tier: 'gold' } : {};
  if (draw < 0.1) return { key, dag, routingContext: tier };
  if (draw < 0.18)
    return { key, dag, routingContext: {}, fire: { scheduleId: 'nightly', nominalAt: nominalAt + index } };
  const field = draw < 0.3 ? 'threadId' : 'resourceId';
  return { key, dag, routingContext: { ...tier, [field]: `user-${random.integer(units)}` } };
};

/** Repeats its request under one key until it has an answer. */
export const submitRouted = async (world: World, client: RoutedClient): Promise<void> => {
  const { key: idempotencyKey, dag, routingContext, fire } = client;
  while (client.runId === undefined && client.error === undefined) {
    try {
      const answer = await call(world, (api) =>
        api.submitRun(defaultTenant, { dag, idempotencyKey, routingContext, ...(fire === undefined ? {} : { fire }) }),
      );
      if (answer !== undefined) client.runId = answer.run.runId;
      else await world.clock.sleep(200);
    } catch (thrown) {
      client.error = String(thrown);
    }
  }
};

/** Asks once for a run that has ended to be retried, with the versions of the first try or with what is right now; whatever comes of it is fine. */
export const retryEnded = async (
  world: World,
  random: Random,
  client: RoutedClient,
  isOver: () => boolean,
): Promise<void> => {
  const draw = random.next();
  const options = draw < 0.2 ? { sameVersions: true } : draw < 0.4 ? { latest: true } : {};
  while (!isOver()) {
    await world.clock.sleep(500 + random.integer(1_000));
    const { runId } = client;
    const head = runId === undefined ? undefined : await world.stores.runs.readHead(defaultTenant, runId);
    if (runId === undefined || head?.finishedAt === undefined) continue;
    await call(world, (api) => api.retryRun(defaultTenant, runId, { ...options, by: 'simulation' })).catch(
      (thrown: unknown) => {
        if (!isDomainError(thrown)) throw thrown;
      },
    );
    return;
  }
};
