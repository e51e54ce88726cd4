import { Command } from 'commander';
import { addAgentsCommand, addVersionsCommand } from '../commands/agents.ts';
import { addApplyCommand } from '../commands/apply.ts';
import { addApprovalsCommand, addApproveCommand, addPushBackCommand, addRejectCommand } from '../commands/approvals.ts';
import { addCancelCommand, addRetryCommand } from '../commands/change-run.ts';
import { addDagsCommand } from '../commands/dags.ts';
import { addDeadLettersCommand } from '../commands/dead-letters.ts';
import { addDiffCommand } from '../commands/diff.ts';
import { addDoctorCommand } from '../commands/doctor.ts';
import { addEffectsCommand } from '../commands/effects.ts';
import { addEventsCommand } from '../commands/events.ts';
import { addLogsCommand } from '../commands/logs.ts';
import { addMemoryCommand } from '../commands/memory.ts';
import { addMessagesCommand, addSendCommand } from '../commands/messages.ts';
import { addProgramCommands, addWorkerCommand } from '../commands/processes.ts';
import { addRunCommand } from '../commands/run.ts';
import { addRunsCommand } from '../commands/runs.ts';
import { addScheduleCommand } from '../commands/schedule.ts';
import { addSnapshotCommand } from '../commands/snapshot.ts';
import { addTokensCommand } from '../commands/tokens.ts';
import { addUpCommand } from '../commands/up.ts';
import { addValidateCommand } from '../commands/validate.ts';
import { addWorkersCommand } from '../commands/workers.ts';
import type { Cli } from './cli.ts';
import type { AddCommand } from './command.ts';

/** In the order of the help text. */
const commands: readonly AddCommand[] = [
  addUpCommand,
  addApplyCommand,
  addValidateCommand,
  addRunCommand,
  addRunsCommand,
  addLogsCommand,
  addCancelCommand,
  addRetryCommand,
  addSendCommand,
  addMessagesCommand,
  addApprovalsCommand,
  addApproveCommand,
  addRejectCommand,
  addPushBackCommand,
  addEffectsCommand,
  addDeadLettersCommand,
  addEventsCommand,
  addDagsCommand,
  addScheduleCommand,
  addAgentsCommand,
  addVersionsCommand,
  addDiffCommand,
  addMemoryCommand,
  addWorkersCommand,
  addSnapshotCommand,
  addTokensCommand,
  addDoctorCommand,
  addProgramCommands,
  addWorkerCommand,
];

/** The `skein` command. */
export const createProgram = (cli: Cli, version: string): Command => {
  const program = new Command('skein')
    .description('Durable DAG runs for agents.')
    .version(version)
    .showHelpAfterError('(add --help for the options)')
    .enablePositionalOptions();
  for (const add of commands) add(program, cli);
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
