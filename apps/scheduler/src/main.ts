import { createPinoLog } from '@skein/telemetry';
import { composeScheduler } from './compose.ts';
import { readConfig, stopDeadlineMs } from './config.ts';

const config = readConfig(process.argv.slice(2), process.env);
if (!config.ok) {
  process.stderr.write(`scheduler: bad configuration\n${config.error.map((line) => `  ${line}\n`).join('')}`);
  process.exit(2);
}
const { value } = config;
const log = createPinoLog({ level: value.logLevel, fields: { app: 'scheduler' } });
const scheduler = composeScheduler(value, log);

let stopping = false;
const stop = async (reason: string): Promise<void> => {
  if (stopping) return;
  stopping = true;
  log.info('scheduler stops', { reason });
  setTimeout(() => process.exit(1), stopDeadlineMs).unref();
  await scheduler.stop();
  process.exit(0);
};
process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('SIGINT', () => void stop('SIGINT'));
process.on('unhandledRejection', (error) => log.error('a rejection was not handled', { error }));

// The scheduler's own timers keep no process alive; this one does.
setInterval(() => undefined, 60_000);

scheduler.start();
log.info('scheduler runs', { url: value.url });
