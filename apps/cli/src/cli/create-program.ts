import { Command } from 'commander';
import type { Cli } from './cli.ts';
import type { AddCommand } from './command.ts';

/** Commands that live in one file, and how it is loaded: to load them all takes longer than most commands do. */
interface Place {
  readonly names: readonly string[];
  readonly load: () => Promise<readonly AddCommand[]>;
}

/** In the order of the help text. */
const places: readonly Place[] = [
  { names: ['up'], load: async () => [(await import('../commands/up.ts')).addUpCommand] },
  { names: ['apply'], load: async () => [(await import('../commands/apply.ts')).addApplyCommand] },
  { names: ['validate'], load: async () => [(await import('../commands/validate.ts')).addValidateCommand] },
  { names: ['run'], load: async () => [(await import('../commands/run.ts')).addRunCommand] },
  { names: ['runs'], load: async () => [(await import('../commands/runs.ts')).addRunsCommand] },
  { names: ['logs'], load: async () => [(await import('../commands/logs.ts')).addLogsCommand] },
  {
    names: ['cancel', 'retry'],
    load: async () => {
      const { addCancelCommand, addRetryCommand } = await import('../commands/change-run.ts');
      return [addCancelCommand, addRetryCommand];
    },
  },
  {
    names: ['send', 'messages'],
    load: async () => {
      const { addMessagesCommand, addSendCommand } = await import('../commands/messages.ts');
      return [addSendCommand, addMessagesCommand];
    },
  },
  {
    names: ['approvals', 'approve', 'reject', 'push-back'],
    load: async () => {
      const approvals = await import('../commands/approvals.ts');
      const { addApprovalsCommand, addApproveCommand, addPushBackCommand, addRejectCommand } = approvals;
      return [addApprovalsCommand, addApproveCommand, addRejectCommand, addPushBackCommand];
    },
  },
  { names: ['effects'], load: async () => [(await import('../commands/effects.ts')).addEffectsCommand] },
  { names: ['dead-letters'], load: async () => [(await import('../commands/dead-letters.ts')).addDeadLettersCommand] },
  { names: ['events'], load: async () => [(await import('../commands/events.ts')).addEventsCommand] },
  { names: ['dags'], load: async () => [(await import('../commands/dags.ts')).addDagsCommand] },
  { names: ['schedule'], load: async () => [(await import('../commands/schedule.ts')).addScheduleCommand] },
  {
    names: ['agents', 'versions'],
    load: async () => {
      const { addAgentsCommand, addVersionsCommand } = await import('../commands/agents.ts');
      return [addAgentsCommand, addVersionsCommand];
    },
  },
  { names: ['diff'], load: async () => [(await import('../commands/diff.ts')).addDiffCommand] },
  { names: ['rollout'], load: async () => [(await import('../commands/rollout.ts')).addRolloutCommand] },
  { names: ['score'], load: async () => [(await import('../commands/score.ts')).addScoreCommand] },
  { names: ['memory'], load: async () => [(await import('../commands/memory.ts')).addMemoryCommand] },
  { names: ['workers'], load: async () => [(await import('../commands/workers.ts')).addWorkersCommand] },
  { names: ['snapshot'], load: async () => [(await import('../commands/snapshot.ts')).addSnapshotCommand] },
  { names: ['tokens'], load: async () => [(await import('../commands/tokens.ts')).addTokensCommand] },
  { names: ['audit'], load: async () => [(await import('../commands/audit.ts')).addAuditCommand] },
  { names: ['secrets'], load: async () => [(await import('../commands/secrets.ts')).addSecretsCommand] },
  { names: ['triggers'], load: async () => [(await import('../commands/triggers.ts')).addTriggersCommand] },
  { names: ['certs'], load: async () => [(await import('../commands/certs.ts')).addCertsCommand] },
  { names: ['doctor'], load: async () => [(await import('../commands/doctor.ts')).addDoctorCommand] },
  {
    names: ['coordinator', 'scheduler', 'worker'],
    load: async () => {
      const { addProgramCommands, addWorkerCommand } = await import('../commands/processes.ts');
      return [addProgramCommands, addWorkerCommand];
    },
  },
];

/** The names of all commands, in the order of the help text. */
export const commandNames: readonly string[] = places.flatMap(({ names }) => names);

/**
 * The `skein` command: with the command `asked` for only, and those that live with it, when it is one; else with all of them, so that
 * help and suggestions know them.
 */
export const createProgram = async (cli: Cli, version: string, asked?: string): Promise<Command> => {
  const program = new Command('skein')
    .description('Durable DAG runs for agents.')
    .version(version)
    .showHelpAfterError('(add --help for the options)')
    .enablePositionalOptions();
  const place = places.find(({ names }) => asked !== undefined && names.includes(asked));
  for (const { load } of place === undefined ? places : [place]) {
    for (const add of await load()) add(program, cli);
  }
  endWithErrors(program, cli);
  return program;
};

/** Commander throws instead of ending the process, and writes where the command line writes. */
const endWithErrors = (command: Command, cli: Cli): void => {
  command.exitOverride().configureOutput({
    writeOut: (text) => cli.write(text),
    // With --json the error is one object, see runCli.
    writeErr: (text) => {
      if (!cli.json) cli.note(text.trimEnd());
    },
    // Every error says its code, also those about how the command was called.
    outputError: (text, write) => write(text.startsWith('error: ') ? `${text.trimEnd()} (invalid_argument)` : text),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  for (const inner of command.commands) endWithErrors(inner, cli);
};
