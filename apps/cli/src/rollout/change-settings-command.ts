import { DomainError } from '@skein/domain';
import type { PatchRolloutInput, SkeinClient } from '@skein/sdk';
import type { Command } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatInstant } from '../render/format.ts';
import { cell } from '../render/render-table.ts';
import { lineOf } from './change-commands.ts';
import { changePins, type PinInput, parsePins } from './parse-pin.ts';
import { parseRule } from './parse-rule.ts';
import {
  collect,
  onNoDataOption,
  type PolicyOptions,
  pinOption,
  ruleOption,
  runPolicyOption,
} from './policy-options.ts';
import { liveRolloutOf, onAgent, revisionOf, revisionOption } from './with-revision.ts';

interface Options extends AnswerOptions, PolicyOptions {
  readonly unpin: readonly string[];
  readonly revision?: number;
  readonly reason?: string;
  readonly force?: boolean;
}

/** `skein rollout change AGENT`: settings of a rollout beside its weights. */
export const changeSettingsCommand = (cli: Cli): Command =>
  remoteCommand('change', 'change run policy, rules and pins of a rollout while it goes on')
    .argument('<agent>', 'agent id')
    .addOption(runPolicyOption())
    .addOption(onNoDataOption())
    .addOption(ruleOption('what is tested from now on, instead of all rules that were given before'))
    .addOption(pinOption())
    .option('--unpin <unit>', 'a unit that is chosen for by its place again; may be repeated', collect, [])
    .option('--reason <text>', 'why')
    .addOption(revisionOption())
    .option(
      '--force',
      'also when the rules were changed so often that the promise about false rollbacks is spent; needs --reason',
    )
    .action(async (agentId: string, options: Options) => {
      const now = Date.now();
      const pins = parsePins(options.pin, now);
      const settings = settingsOf(options, pins);
      const client = await connect(cli, options);
      const after = await onAgent(client, agentId, async () => {
        const repinned = pins.length > 0 || options.unpin.length > 0;
        const seen = repinned
          ? await pinnedOf(cli, client, agentId, options, pins, now)
          : { revision: await revisionOf(client, agentId, options.revision) };
        return client.rollouts.patch(agentId, { ...settings, ...seen });
      });
      answer(cli, options.json, after, () => `changed: ${changesText(options, pins)}\n${lineOf(cli, after)}`);
    });

const settingsOf = (options: Options, pins: readonly PinInput[]): Omit<PatchRolloutInput, 'revision'> => {
  const { rule, unpin, runPolicy, onNoData, reason, force } = options;
  if (rule.length + pins.length + unpin.length === 0 && runPolicy === undefined && onNoData === undefined) {
    throw new DomainError(
      'invalid_argument',
      'nothing would change: give --run-policy, --on-no-data, --rule, --pin or --unpin (rollout set-weight is for weights)',
    );
  }
  if (force === true && reason === undefined) {
    throw new DomainError('invalid_argument', '--force needs a --reason: it is recorded');
  }
  return {
    ...(rule.length === 0 ? {} : { rules: rule.map(parseRule) }),
    ...(onNoData === undefined ? {} : { onNoData }),
    ...(runPolicy === undefined ? {} : { runPolicy }),
    ...(reason === undefined ? {} : { reason }),
    ...(force === true ? { force } : {}),
  };
};

/** All pins as they shall be, and the revision at which those that stay were read: a change in between is a conflict, so no pin of somebody else is lost. */
const pinnedOf = async (
  cli: Cli,
  client: SkeinClient,
  agentId: string,
  options: Options,
  pins: readonly PinInput[],
  now: number,
): Promise<Required<Pick<PatchRolloutInput, 'forced' | 'revision'>>> => {
  const current = await liveRolloutOf(client, agentId);
  const { revision } = current;
  if (options.revision !== undefined && options.revision !== revision) {
    throw new DomainError('version_conflict', 'the rollout is at another revision', { revision, current });
  }
  const { forced, ended } = changePins(current, pins, options.unpin, now);
  if (ended.length > 0) cli.note(`pins that have ended are left out: ${ended.map(cell).join(', ')}`);
  return { forced, revision };
};

const changesText = ({ runPolicy, onNoData, rule, unpin }: Options, pins: readonly PinInput[]): string =>
  [
    ...(runPolicy === undefined ? [] : [`run policy ${runPolicy}`]),
    ...(onNoData === undefined ? [] : [`without data ${onNoData}`]),
    ...(rule.length === 0 ? [] : ['rules']),
    ...pins.map(
      ({ unit, arm, until }) =>
        `${cell(unit)} gets ${cell(arm)}${until === undefined ? '' : ` until ${formatInstant(until)}`}`,
    ),
    ...unpin.map((unit) => `${cell(unit)} is not pinned any more`),
  ].join(', ');
