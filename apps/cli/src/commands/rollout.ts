import type { AddCommand } from '../cli/command.ts';
import { changeCommands } from '../rollout/change-commands.ts';
import { changeSettingsCommand } from '../rollout/change-settings-command.ts';
import { evaluationCommands } from '../rollout/evaluation-commands.ts';
import { lookCommands } from '../rollout/look-commands.ts';
import { startCommand } from '../rollout/start-command.ts';
import { watchCommand } from '../rollout/watch-command.ts';

/** `skein rollout`: staged exposure of another version of an agent, and all that belongs to it. */
export const addRolloutCommand: AddCommand = (program, cli) => {
  const about = 'staged exposure of another version of an agent, which takes itself back when it is worse';
  const group = program.command('rollout').summary(about).description(about);
  for (const command of [
    startCommand(cli),
    watchCommand(cli),
    ...lookCommands(cli),
    ...changeCommands(cli),
    changeSettingsCommand(cli),
    ...evaluationCommands(cli),
  ]) {
    group.addCommand(command);
  }
};
