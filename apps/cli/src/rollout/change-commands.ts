import { DomainError } from '@skein/domain';
import type { RolloutInfo } from '@skein/sdk';
import type { Command } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { explanationLines, paintRolloutStatus } from '../render/render-rollout.ts';
import { parseWeight, percentText } from './parse-weight.ts';
import { onAgent, revisionOf, revisionOption } from './with-revision.ts';

interface ChangeOptions extends AnswerOptions {
  readonly revision?: number;
  readonly reason?: string;
}

const verbs = [
  ['activate', 'start a draft'],
  ['pause', 'send every run to the stable version for now'],
  ['resume', 'go on after a pause'],
  ['approve', 'say that the current step may end'],
  ['rollback', 'take the candidate back; always possible, and twice is fine'],
  ['cancel', 'end it without a decision: every run gets the stable version'],
] as const;

/** `skein rollout set-weight|activate|pause|resume|approve|promote|rollback|cancel AGENT`. */
export const changeCommands = (cli: Cli): readonly Command[] => [
  setWeightCommand(cli),
  ...verbs.map(([verb, summary]) =>
    changeCommand(verb, summary).action(async (agentId: string, options: ChangeOptions) => {
      const client = await connect(cli, options);
      const after = await onAgent(client, agentId, () => client.rollouts[verb](agentId, changeOf(options)));
      answer(cli, options.json, after, () => lineOf(cli, after));
    }),
  ),
  promoteCommand(cli),
];

const changeCommand = (name: string, summary: string): Command =>
  remoteCommand(name, summary)
    .argument('<agent>', 'agent id')
    .option('--reason <text>', 'why')
    .addOption(revisionOption());

const changeOf = ({ revision, reason }: ChangeOptions): { readonly revision?: number; readonly reason?: string } => ({
  ...(revision === undefined ? {} : { revision }),
  ...(reason === undefined ? {} : { reason }),
});

const setWeightCommand = (cli: Cli): Command =>
  remoteCommand('set-weight', 'set the share of the candidate, or with LABEL=SHARE those of several arms')
    .argument('<agent>', 'agent id')
    .argument('<share...>', 'like 5% or 0.001')
    .option('--reason <text>', 'why')
    .addOption(revisionOption())
    .action(async (agentId: string, shares: readonly string[], options: ChangeOptions) => {
      const weights = weightsOf(shares);
      const client = await connect(cli, options);
      const after = await onAgent(client, agentId, async () => {
        const revision = await revisionOf(client, agentId, options.revision);
        return client.rollouts.patch(agentId, { ...weights, ...changeOf(options), revision });
      });
      answer(cli, options.json, after, () => lineOf(cli, after));
    });

const weightsOf = (
  shares: readonly string[],
): { readonly weight: string } | { readonly weights: { readonly [label: string]: string } } => {
  const [first = ''] = shares;
  if (shares.length === 1 && !first.includes('=')) return { weight: parseWeight(first, 'the weight') };
  const pairs = shares.map((text) => {
    const at = text.lastIndexOf('=');
    if (at < 1)
      throw new DomainError('invalid_argument', `the weight of an arm is LABEL=SHARE, not "${text.slice(0, 100)}"`);
    return [text.slice(0, at), parseWeight(text.slice(at + 1), 'the weight')] as const;
  });
  return { weights: Object.fromEntries(pairs) };
};

const promoteCommand = (cli: Cli): Command =>
  changeCommand('promote', 'make the candidate, or the winner of an experiment, the active version')
    .option('--winner <version>', 'version that won; an experiment needs one')
    .option('--force', 'also without enough evidence; needs --reason')
    .action(
      async (agentId: string, options: ChangeOptions & { readonly winner?: string; readonly force?: boolean }) => {
        if (options.force === true && options.reason === undefined) {
          throw new DomainError('invalid_argument', '--force needs a --reason: it is recorded');
        }
        const client = await connect(cli, options);
        const after = await onAgent(client, agentId, async () =>
          client.rollouts.promote(agentId, {
            ...changeOf(options),
            revision: await revisionOf(client, agentId, options.revision),
            ...(options.winner === undefined ? {} : { versionId: options.winner }),
            ...(options.force === true ? { force: true } : {}),
          }),
        );
        answer(cli, options.json, after, () => lineOf(cli, after));
      },
    );

/** How it stands after a change, and the sentences of the decision. */
const lineOf = (cli: Cli, rollout: RolloutInfo): string =>
  [
    `${rollout.id} ${paintRolloutStatus(cli.colors, rollout.status)}, revision ${rollout.revision}: ${rollout.arms.map(({ label, weight }) => `${label} ${percentText(weight)}`).join(', ')}`,
    ...explanationLines(rollout.explanation),
  ].join('\n');
