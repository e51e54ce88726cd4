import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DomainError, isDomainError } from '@skein/domain';
import { readProjectFolder } from '@skein/sdk';
import { createPinoLog } from '@skein/telemetry';
import { Option } from 'commander';
import type { Cli } from '../cli/cli.ts';
import { type AddCommand, localCommand, wholeNumber } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { problemsOf, reportError } from '../cli/report-error.ts';
import { renderApply } from '../render/render-plan.ts';
import { type Fleet, type FleetOptions, startFleet } from '../up/start-fleet.ts';

interface Options {
  readonly project?: string;
  readonly data?: string;
  readonly http: string;
  readonly grpc: string;
  readonly workers: number;
  readonly insecure?: boolean;
  readonly json?: boolean;
}

/** `skein up`: coordinator, scheduler and workers on this machine, until Ctrl-C. */
export const addUpCommand: AddCommand = (program, cli) => {
  program.addCommand(
    localCommand('up', 'run everything on this machine: coordinator, scheduler and workers')
      .option('--project <dir>', 'project to apply and activate (default: this folder, if it is one)')
      .option('--data <dir>', "data folder (SKEIN_DATA; default: .skein in the project's folder)")
      .option('--http <host:port>', 'address of the HTTP API; port 0 picks a free one', '127.0.0.1:7420')
      .option('--grpc <host:port>', 'address for workers; port 0 picks a free one', '127.0.0.1:7421')
      .addOption(new Option('--workers <n>', 'worker processes').argParser(wholeNumber(0, 256)).default(2))
      .option('--insecure', 'allow addresses that other machines can reach, without TLS')
      .action((options: Options) => up(cli, options)),
  );
};

/** Only this machine reaches it; or it is no address, which the coordinator says better. */
const staysHere = (address: string): boolean => {
  const host = /^(?:\[([^\]]+)\]|([^:]+)):\d+$/.exec(address);
  const name = host?.[1] ?? host?.[2];
  return name === undefined || name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name);
};

/** All that is started here speaks in the clear, so it is for one machine. */
const refuseExposed = ({ http, grpc, insecure }: Options): void => {
  const exposed = [http, grpc].filter((address) => !staysHere(address));
  if (exposed.length === 0 || insecure === true) return;
  throw new DomainError(
    'invalid_argument',
    `other machines can reach ${exposed.join(' and ')}, and "skein up" speaks in the clear: make certificates with "skein certs init" and run "skein coordinator" and "skein worker" with them, or say --insecure if the network is yours`,
  );
};

const up = async (cli: Cli, options: Options): Promise<void> => {
  refuseExposed(options);
  const project = options.project === undefined ? projectHere(cli.cwd) : resolve(cli.cwd, options.project);
  const dataDir = resolve(cli.cwd, options.data ?? cli.config.dataDir ?? join(project ?? cli.cwd, '.skein'));
  // A mistyped folder is a wrong call, and starts nothing.
  if (project !== undefined) await readProjectFolder(project);
  cli.hasProcesses = true;
  const fleet = await start(cli, {
    dataDir,
    http: options.http,
    grpc: options.grpc,
    workers: options.workers,
    ...(project === undefined ? {} : { project }),
    insecure: options.insecure === true,
    config: cli.config,
    log: createPinoLog({ level: 'warn', fields: { app: 'up' } }),
    output: 'inherit',
    signal: cli.signal,
  });
  if (fleet === undefined) return;
  const onSecondSignal = () => fleet.kill();
  try {
    announce(cli, options, dataDir, fleet);
    await aborted(cli.signal);
    if (options.json !== true) cli.note(cli.colors.dim('stopping; once more kills at once'));
    for (const signal of stopSignals) process.on(signal, onSecondSignal);
  } finally {
    await fleet.stop();
    for (const signal of stopSignals) process.off(signal, onSecondSignal);
  }
};

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The fleet, or nothing when it did not start: a port or a data folder in use is this command's failure, not a coordinator out of reach. */
const start = async (cli: Cli, options: FleetOptions): Promise<Fleet | undefined> => {
  // A second Ctrl-C while a failed start is cleaned up must not leave the cleaning half done.
  const ignore = () => undefined;
  for (const signal of stopSignals) process.on(signal, ignore);
  try {
    return await startFleet(options);
  } catch (error) {
    reportError(cli, error);
    const isWrongCall = isDomainError(error) && error.code === 'invalid_argument' && problemsOf(error).length === 0;
    cli.exitCode = isWrongCall ? exitCodes.usage : exitCodes.failed;
    return undefined;
  } finally {
    for (const signal of stopSignals) process.off(signal, ignore);
  }
};

/** A folder is a project when it has DAGs, agents or settings. */
const projectHere = (folder: string): string | undefined =>
  ['dags', 'agents', 'skein.yaml'].some((name) => existsSync(join(folder, name))) ? folder : undefined;

const announce = (cli: Cli, options: Options, dataDir: string, fleet: Fleet): void => {
  const { endpoint, applied } = fleet;
  if (options.json === true) {
    cli.out(JSON.stringify({ ...endpoint, dataDir, pids: fleet.pids() }));
    return;
  }
  const { colors } = cli;
  if (applied !== undefined) cli.out(`${renderApply(cli.colors, applied)}\n`);
  cli.out(`${colors.green('ready')} ${endpoint.http}`);
  cli.out(`${colors.dim('workers')} ${options.workers}, joining at ${endpoint.grpc}`);
  cli.out(`${colors.dim('data')}    ${dataDir}`);
  cli.out(colors.dim('Ctrl-C stops everything'));
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
