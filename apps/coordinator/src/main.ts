import { rm } from 'node:fs/promises';
import { isDomainError, type Problem } from '@skein/domain';
import { scrubEnvironment } from '@skein/launcher';
import { createPinoLog, secretVariables } from '@skein/telemetry';
import { composeCoordinator } from './compose.ts';
import { readConfig, stopDeadlineMs } from './config.ts';
import { writePrivateFile } from './private-files.ts';

// What this process writes (database, lock, files of blobs) is for its owner only, also in a data folder that was there before.
process.umask(0o077);

const config = readConfig(process.argv.slice(2), process.env);
if (!config.ok) {
  process.stderr.write(`coordinator: bad configuration\n${config.error.map((line) => `  ${line}\n`).join('')}`);
  process.exit(2);
}
const { value } = config;
// Whatever this process starts, or whoever looks at it, finds no secret in its environment.
const isScrubbed = scrubEnvironment(secretVariables(process.env));
const log = createPinoLog({ level: value.logLevel, fields: { app: 'coordinator' } });
if (!isScrubbed) log.warn('the environment that this process was started with stays readable for its user');

process.on('unhandledRejection', (error) => log.error('a rejection was not handled', { error }));
process.on('uncaughtException', (error) => {
  log.error('an exception was not handled', { error });
  process.exit(1);
});

try {
  const running = await composeCoordinator(value, log);
  let stopping = false;
  const stop = async (reason: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info('coordinator stops', { reason });
    setTimeout(() => process.exit(1), stopDeadlineMs).unref();
    await rm(value.endpointFile, { force: true });
    await running.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  // Last: whoever finds this file finds a coordinator that is ready.
  const endpoint = { http: running.http, grpc: running.grpc, adminTokenFile: value.adminTokenFile };
  await writePrivateFile(value.endpointFile, `${JSON.stringify(endpoint)}\n`);
  log.info('coordinator is ready', { http: running.http, grpc: running.grpc, health: running.health });
} catch (error) {
  const said = isDomainError(error) ? `${error.message}\n${problemsOf(error.details)}` : undefined;
  if (said === undefined) log.error('the coordinator could not start', { error });
  else process.stderr.write(`coordinator: ${said}`);
  process.exit(1);
}

function problemsOf(details: unknown): string {
  const problems = (details as { readonly problems?: readonly Problem[] } | undefined)?.problems ?? [];
  return problems
    .map(
      ({ file, line, column, message }) =>
        `  ${[file, line, column].filter((part) => part !== undefined).join(':')} ${message}\n`,
    )
    .join('');
}
