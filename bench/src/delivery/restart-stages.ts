import { createCoordinator, defaultCoordinatorConfig } from '@skein/coordinator';
import { shardCount } from '@skein/domain';
import { createExpressions, createProjectReader } from '@skein/language';
import { openSqlStores } from '@skein/store-sql';
import {
  createHasher,
  createIdSource,
  createPinoLog,
  createPrometheusMeter,
  createSecrets,
  createSystemClock,
} from '@skein/telemetry';
import { nowMs } from '../measure.ts';

// The stages of a coordinator's start, one by one, on the folder that is named; without its doors, so that no worker comes.

const dataDir = process.argv[2] ?? '';
const hasher = createHasher();
const common = {
  clock: createSystemClock(),
  ids: createIdSource(),
  hasher,
  log: createPinoLog({ level: 'error' }),
  meter: createPrometheusMeter(),
};

const measure = async (): Promise<void> => {
  const begin = nowMs();
  const stores = await openSqlStores({ dataDir, ...common });
  const opened = nowMs();
  const open = await stores.runs.listOpen(Array.from({ length: shardCount }, (_, shard) => shard));
  const listed = nowMs();
  const coordinator = createCoordinator(
    {
      ...common,
      ...stores,
      secrets: createSecrets(),
      projectReader: createProjectReader({ hasher }),
      expressions: createExpressions(),
    },
    { ...defaultCoordinatorConfig, coordinatorId: 'coordinator' },
  );
  await coordinator.start();
  const started = nowMs();
  process.send?.({
    type: 'stages',
    openStores: opened - begin,
    list: listed - opened,
    load: started - listed,
    openRuns: open.length,
  });
  await coordinator.stop();
  await stores.close();
  process.exit(0);
};

process.once('message', () => void measure());
// It ends by itself, when its threads have let go of the database.
process.on('SIGTERM', () => undefined);
process.send?.({ type: 'up' });
