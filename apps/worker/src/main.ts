import { scrubEnvironment } from '@skein/launcher';
import { secretVariables, traceSecretVariables } from '@skein/telemetry';
import { type ComposedWorker, composeWorker } from './compose.ts';
import { ConfigError, readConfig } from './config.ts';

/** After a second signal: how long running steps get to end before the process does. */
const hurryMs = 3_000;

/** How often a launched worker looks for its launcher, and how long it has to end without one. */
const lookMs = 250;
const orphanedMs = 6_000;

const main = async (): Promise<number> => {
  const config = readConfig(process.argv.slice(2));
  // Before anything is started: no process of a step can read in ours what only we were told.
  const isScrubbed = scrubEnvironment([
    ...secretVariables(process.env, { apiKeys: true, named: process.env['SKEIN_SECRETS'] ?? '' }),
    ...traceSecretVariables,
    'SKEIN_JOIN_TOKEN',
    'SKEIN_TLS_KEY',
  ]);
  const worker = await composeWorker(config);
  if (!isScrubbed) worker.log.warn('the environment that this process was started with stays readable for its user');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal(worker, signal));
  const isLaunched = config.launchMarker !== undefined;
  if (isLaunched) onceOrphaned(() => void worker.endpoint.stop());
  worker.endpoint.start();
  const end = await worker.endpoint.ended;
  await worker.close();
  if (end.reason !== 'refused') return 0;
  process.stderr.write(`skein worker: the coordinator refused this worker: ${end.error.message} (${end.error.code})\n`);
  return 2;
};

/** A launcher that was killed reports nothing and cleans nothing up: its worker ends at once, and its steps with it. */
const onceOrphaned = (end: () => void): void => {
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    setTimeout(() => process.exit(1), orphanedMs).unref();
    end();
  }, lookMs).unref();
};

let signals = 0;

/** The first signal drains; the second stops at once, so that no step outlives the process. */
const onSignal =
  ({ endpoint }: ComposedWorker, signal: string) =>
  (): void => {
    signals += 1;
    if (signals === 1) void endpoint.drain(signal);
    else {
      setTimeout(() => process.exit(1), hurryMs).unref();
      void endpoint.stop().then(() => process.exit(1));
    }
  };

try {
  process.exitCode = await main();
} catch (error) {
  const problem = error instanceof ConfigError ? `configuration:\n${error.message}` : String(error);
  process.stderr.write(`skein worker: ${problem}\n`);
  process.exitCode = 2;
}
// Nothing may keep a process that has left: a drained worker is replaced only when it is gone.
process.exit();
