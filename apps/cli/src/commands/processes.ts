import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DomainError } from '@skein/domain';
import { type ClientTls, createGrpcGateway } from '@skein/grpc';
import { incarnationVariable, launchProcess, scrubEnvironment, superviseWorker } from '@skein/launcher';
import { createIdSource, createPinoLog, createSystemClock, createSystemRandom } from '@skein/telemetry';
import { createManyCoordinators } from '@skein/worker';
import type { Command } from 'commander';
import type { Cli } from '../cli/cli.ts';
import { type AddCommand, localCommand } from '../cli/command.ts';
import { childEnv, credentialVariables, programEnv } from '../up/child-env.ts';
import { missingPrograms, programPath } from '../up/program-paths.ts';
import { findJoinPoint, type JoinOptions } from './join-point.ts';

/** `skein coordinator` and `skein scheduler`: the program itself, with all flags handed on. */
export const addProgramCommands: AddCommand = (program, cli) => {
  for (const name of ['coordinator', 'scheduler'] as const) {
    program
      .command(name)
      .summary(`run the ${name} process (flags and SKEIN_ variables are its own)`)
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption(false)
      .action(async (_options: unknown, command: Command) => {
        refuseUnbuilt(name);
        const args = [programPath(name), ...command.args];
        cli.hasProcesses = true;
        // This process stays, for all to look at.
        scrubEnvironment(credentialVariables(process.env));
        const child = spawn(process.execPath, args, { stdio: 'inherit', env: { ...programEnv(cli.config.env, name) } });
        cli.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
        cli.exitCode = await new Promise<number>((done) => {
          child.once('error', () => done(1));
          child.once('exit', (code) => done(code ?? 1));
        });
      });
  }
};

interface WorkerOptions extends JoinOptions {
  readonly ca?: string;
  readonly slots?: string;
  readonly labels?: string;
  readonly workDir?: string;
}

/** `skein worker`: a worker that is started again when it dies, and whose death the coordinator hears of at once. */
export const addWorkerCommand: AddCommand = (program, cli) => {
  program.addCommand(
    localCommand('worker', 'run one worker under a launcher')
      .option(
        '--coordinator <host:port>',
        'where to join; may be repeated: the worker goes to any of them (SKEIN_COORDINATOR; default: endpoint.json of the data folder)',
        (value: string, earlier: readonly string[] | undefined): readonly string[] => [...(earlier ?? []), value],
      )
      .option('--join-token-file <file>', 'file with the join token (SKEIN_JOIN_TOKEN_FILE, or SKEIN_JOIN_TOKEN)')
      .option('--ca <file>', 'certificate of the authority to trust; implies TLS (SKEIN_CA_FILE)')
      .option('--data <dir>', 'data folder of a coordinator on this machine', '.skein')
      .option('--slots <n>', 'tasks at once')
      .option('--labels <name=value,...>', 'labels for placement')
      .option('--work-dir <dir>', 'folder for working files')
      .action((options: WorkerOptions) => runWorker(cli, options)),
  );
};

const runWorker = async (cli: Cli, options: WorkerOptions): Promise<void> => {
  refuseUnbuilt('worker');
  const { coordinators, token } = await findJoinPoint({ cwd: cli.cwd, env: cli.config.env }, options);
  scrubEnvironment([...credentialVariables(process.env), 'SKEIN_JOIN_TOKEN', 'SKEIN_TLS_KEY']);
  cli.hasProcesses = true;
  const log = createPinoLog({ fields: { app: 'launcher' } });
  const env = options.ca === undefined ? cli.config.env : withAuthority(cli.config.env, resolve(cli.cwd, options.ca));
  const tls = await readTls(env);
  const gateway = createManyCoordinators(coordinators, (address) =>
    createGrpcGateway({ address, log, ...(tls === undefined ? {} : { tls }) }),
  );
  const own = {
    SKEIN_COORDINATOR: coordinators.join(','),
    SKEIN_JOIN_TOKEN: token,
    ...(options.slots === undefined ? {} : { SKEIN_SLOTS: options.slots }),
    ...(options.labels === undefined ? {} : { SKEIN_LABELS: options.labels }),
    SKEIN_WORK_DIR: options.workDir ?? cli.config.env['SKEIN_WORK_DIR'],
  };
  const supervisor = superviseWorker({
    name: 'worker',
    gateway,
    credentials: { token },
    ids: createIdSource(),
    clock: createSystemClock(),
    random: createSystemRandom(),
    log,
    drainMs: drainMsOf(env),
    launch: (incarnation) =>
      launchProcess({
        command: process.execPath,
        args: [programPath('worker')],
        env: childEnv(
          env,
          { ...own, [incarnationVariable]: incarnation },
          {
            program: 'worker',
            secretsAt: 'worker',
          },
        ),
        marker: incarnation,
        log,
      }),
  });
  await new Promise<void>((done) => {
    if (cli.signal.aborted) done();
    cli.signal.addEventListener('abort', () => done(), { once: true });
  });
  await supervisor.stop();
  gateway.close();
};

const usualDrainMs = 25_000;
/** What a worker needs beside its drain: to hand back what it holds, and to say goodbye. */
const afterDrainMs = 5_000;

/** How long the launcher waits for a worker that was told to go: always longer than the worker itself. */
const drainMsOf = ({ SKEIN_DRAIN_MS: text }: Cli['config']['env']): number => {
  const given = Number(text ?? usualDrainMs);
  return (Number.isInteger(given) && given >= 0 ? given : usualDrainMs) + afterDrainMs;
};

const withAuthority = (env: Cli['config']['env'], path: string): Cli['config']['env'] => {
  const { SKEIN_TLS_CA: _, SKEIN_TLS_CA_FILE: __, ...others } = env;
  return { ...others, SKEIN_CA_FILE: path };
};

/** TLS of the launcher's own calls, from the variables that its worker reads too. */
const readTls = async (env: Cli['config']['env']): Promise<ClientTls | undefined> => {
  const read = async (name: string): Promise<string | undefined> => {
    const path = env[`${name}_FILE`];
    if (env[name] !== undefined || path === undefined) return env[name];
    return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new DomainError('invalid_argument', `${name}_FILE: ${path} cannot be read (${error.code ?? 'unknown'})`);
    });
  };
  const [authority, certificate, privateKey] = [
    (await read('SKEIN_TLS_CA')) ?? (await read('SKEIN_CA')),
    await read('SKEIN_TLS_CERT'),
    await read('SKEIN_TLS_KEY'),
  ];
  const tls = {
    ...(authority === undefined ? {} : { authority }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(env['SKEIN_TLS_NAME'] === undefined ? {} : { serverName: env['SKEIN_TLS_NAME'] }),
  };
  return env['SKEIN_TLS'] === '1' || Object.keys(tls).length > 0 ? tls : undefined;
};

const refuseUnbuilt = (name: 'coordinator' | 'scheduler' | 'worker'): void => {
  if (missingPrograms().includes(name)) {
    throw new DomainError('unavailable', `the ${name} is not built; run npm run build`);
  }
};
