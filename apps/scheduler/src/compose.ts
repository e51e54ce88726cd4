import { createScheduler, type Scheduler } from '@skein/coordinator';
import { createCron } from '@skein/language';
import type { Clock, Log } from '@skein/ports';
import { createClient, type SkeinClient } from '@skein/sdk';
import { createSystemClock } from '@skein/telemetry';
import type { Config } from './config.ts';

/** The scheduler over the HTTP API. While the API is away it keeps trying; what passed meanwhile is made up for within a minute. */
export const composeScheduler = (
  config: Pick<Config, 'url' | 'token' | 'ca'>,
  log: Log,
  clock: Clock = createSystemClock(),
  client: Pick<SkeinClient, 'schedules' | 'runs'> = createClient({ ...config, retry: { attempts: 2 } }),
): Scheduler =>
  createScheduler({
    clock,
    cron: createCron(),
    log,
    schedules: { listSchedules: () => client.schedules.list() },
    submitFire: async ({ dag, scheduleId, nominalAt }) => {
      const fire = { scheduleId, nominalAt: new Date(nominalAt).toISOString() };
      const idempotencyKey = fireKey(dag, scheduleId, fire.nominalAt);
      const { created } = await client.runs.submit({ dag, fire }, { idempotencyKey });
      return { created };
    },
  });

/** The same fire has the same key in every scheduler, so that a repeated submit is answered by the first run. */
const fireKey = (dag: string, scheduleId: string, nominalAt: string): string =>
  `fire:${encodeURIComponent(dag)}:${encodeURIComponent(scheduleId).slice(0, 120)}:${nominalAt}`;
