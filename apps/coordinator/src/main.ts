import { rm } from 'node:fs/promises';
import { type DomainError, isDomainError, type Problem } from '@skein/domain';
import { scrubEnvironment } from '@skein/launcher';
import { backupDataFolder } from '@skein/store-sql';
import { createPinoLog, secretVariables, traceSecretVariables } from '@skein/telemetry';
import { composeCoordinator } from './compose.ts';
import { readConfig, stopDeadlineMs } from './config.ts';
import { fleetSecrets } from './fleet/fleet-config.ts';
import { writePrivateFile } from './private-files.ts';

// What this process writes (database, lock, files of blobs) is for its owner only, also in a data folder that was there before.
process.umask(0o077);

/** What the configuration may hold in plain. */
const ownSecrets = ['SKEIN_SECRETS_KEY', 'SKEIN_WEBHOOK_SECRET', ...fleetSecrets, ...traceSecretVariables];

const config = readConfig(process.argv.slice(2), process.env);
if (!config.ok) {
  process.stderr.write(`coordinator: bad configuration\n${config.error.map((line) => `  ${line}\n`).join('')}`);
  process.exit(2);
}
const { value } = config;
// Whatever this process starts, or whoever looks at it, finds no secret in its environment.
const isScrubbed = scrubEnvironment([
  ...secretVariables(process.env),
  ...ownSecrets.filter((name) => name in process.env),
]);
const log = createPinoLog({ level: value.logLevel, fields: { app: 'coordinator' } });
if (!isScrubbed) log.warn('the environment that this process was started with stays readable for its user');

process.on('unhandledRejection', (error) => log.error('a rejection was not handled', { error }));
process.on('uncaughtException', (error) => {
  log.error('an exception was not handled', { error });
  process.exit(1);
});

if (value.backupTo !== undefined) {
  try {
    const report = await backupDataFolder(value.dataDir, value.backupTo);
    log.info('the data folder is copied', { from: value.dataDir, to: value.backupTo, ...report });
    process.exit(0);
  } catch (error) {
    log.error('the data folder could not be copied', { from: value.dataDir, to: value.backupTo, error });
    process.exit(1);
  }
}

try {
  const running = await composeCoordinator(value, log);
  let stopping = false;
  const stop = async (reason: string, exitCode = 0): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info('coordinator stops', { reason });
    setTimeout(() => process.exit(1), stopDeadlineMs).unref();
    // One that was replaced may have been so in this folder: the file is the other's then.
    if (exitCode === 0) await rm(value.endpointFile, { force: true });
    await running.stop();
    process.exit(exitCode);
  };
  void running.replaced.then(() => stop('another process has its name (SKEIN_COORDINATOR_ID)', 1));
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  // Without certificates of its own it ends with its terminal, as any program.
  if (value.tls !== undefined || value.httpTls !== undefined) process.on('SIGHUP', () => running.reloadCertificates());
  // Last: whoever finds this file finds a coordinator that is ready.
  const caFile = value.tlsFiles?.SKEIN_CA_FILE;
  const endpoint = {
    http: value.httpTls === undefined ? running.http : named(running.http),
    grpc: running.grpc,
    adminTokenFile: value.adminTokenFile,
    ...(caFile === undefined ? {} : { caFile }),
  };
  await writePrivateFile(value.endpointFile, `${JSON.stringify(endpoint)}\n`);
  log.info('coordinator is ready', { http: running.http, grpc: running.grpc, health: running.health });
} catch (error) {
  const said = isDomainError(error) ? `${error.message}${causeOf(error)}\n${problemsOf(error.details)}` : undefined;
  if (said === undefined) log.error('the coordinator could not start', { error });
  else process.stderr.write(`coordinator: ${said}`);
  process.exit(1);
}

/** No certificate is for a wildcard; on this machine the coordinator is found by its own name. */
function named(url: string): string {
  const parsed = new URL(url);
  return ['0.0.0.0', '[::]'].includes(parsed.hostname) ? `https://localhost:${parsed.port}` : url;
}

/** What a database that cannot be reached, or lets nobody in, says of it. */
function causeOf({ code, cause }: DomainError): string {
  return code === 'unavailable' && cause instanceof Error ? `: ${cause.message}` : '';
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
