import { DomainError } from '@skein/domain';
import type { RolloutInfo } from '@skein/sdk';
import type { Command } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { explanationLines, figure, paintRolloutStatus } from '../render/render-rollout.ts';
import { cell } from '../render/render-table.ts';
import { parseWeight, percentText } from './parse-weight.ts';
import { onAgent, revisionOf, revisionOption } from './with-revision.ts';

interface ChangeOptions extends AnswerOptions {
  readonly revision?: number;
  readonly reason?: string;
}

interface OneOptions {
  readonly rollout?: string;
  readonly force?: boolean;
}

const verbs = [
  ['activate', 'start a draft'],
  ['pause', 'send every run to the stable version for now'],
  ['resume', 'go on after a pause'],
  ['approve', 'say that the current step may end'],
  ['rollback', 'take the candidate back; always possible, and twice is fine'],
  ['cancel', 'end it without a decision: every run gets the stable version'],
] as const;

/** What can be done to a rollout that is not the one that is meant when none is named. */
const isNamed = (verb: (typeof verbs)[number][0]): boolean => ['activate', 'rollback', 'cancel'].includes(verb);

/** `skein rollout set-weight|activate|pause|resume|approve|promote|rollback|cancel AGENT`. */
export const changeCommands = (cli: Cli): readonly Command[] => [
  setWeightCommand(cli),
  ...verbs.map(([verb, summary]) => {
    const command = changeCommand(verb, summary);
    if (isNamed(verb)) command.option('--rollout <id>', 'this one: a draft beside a live one, say');
    if (verb === 'activate') command.option('--force', 'also when its replay has not passed; needs --reason');
    return command.action(async (agentId: string, { rollout, force, ...options }: ChangeOptions & OneOptions) => {
      if (force === true && options.reason === undefined) {
        throw new DomainError('invalid_argument', '--force needs a --reason: it is recorded');
      }
      const client = await connect(cli, options);
      const which = rollout === undefined ? {} : { rolloutId: rollout };
      const input = { ...changeOf(options), ...which, ...(force === true ? { force: true } : {}) };
      const after = await onAgent(client, agentId, () => client.rollouts[verb](agentId, input));
      answer(cli, options.json, after, () => lineOf(cli, after));
    });
  }),
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
        const rollout = await client.rollouts.patch(agentId, { ...weights, ...changeOf(options), revision });
        return { rollout, isSame: rollout.revision === revision };
      });
      const same = after.isSame
        ? [`nothing was changed: it has ${shares.length === 1 ? 'this weight' : 'these weights'} already`]
        : [];
      answer(cli, options.json, after.rollout, () => [...same, lineOf(cli, after.rollout)].join('\n'));
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
  changeCommand(
    'promote',
    'make the candidate, or the winner of an experiment, the active version; by hand it needs no evidence',
  )
    .option('--winner <version>', 'version that won; an experiment needs one')
    .option(
      '--force',
      'also while the numbers are not to be trusted (the SRM alarm, a silent scorer) and without a try to build the version; needs --reason',
    )
    .action(
      async (agentId: string, options: ChangeOptions & { readonly winner?: string; readonly force?: boolean }) => {
        if (options.force === true && options.reason === undefined) {
          throw new DomainError('invalid_argument', '--force needs a --reason: it is recorded');
        }
        const client = await connect(cli, options);
        const after = await onAgent(client, agentId, async () => {
          const asked = client.rollouts.get(agentId);
          // With a revision it is only looked at for the note.
          const before = await (options.revision === undefined ? asked : asked.catch(() => undefined));
          const revision = options.revision ?? before?.revision ?? (await revisionOf(client, agentId, undefined));
          const input = {
            ...changeOf(options),
            revision,
            ...(options.winner === undefined ? {} : { versionId: options.winner }),
            ...(options.force === true ? { force: true } : {}),
          };
          const promoted = await client.rollouts.promote(agentId, input);
          if (before !== undefined) warnOfGate(cli, before, promoted);
          return promoted;
        });
        answer(cli, options.json, after, () => lineOf(cli, after));
      },
    );

/** A note when the promotion test had not passed: a person may know more than the evidence, but is told. */
const warnOfGate = (cli: Cli, before: RolloutInfo, { winner }: RolloutInfo): void => {
  const arm = before.arms.findIndex(({ label }) => label === winner);
  if (arm < 1) return;
  const open = (before.evidence?.tests ?? []).flatMap(({ arm: of, rule, promotion }) =>
    of !== arm || promotion === undefined || promotion.passed
      ? []
      : [`${cell(rule)} E ${figure(promotion.eValue)} of ${figure(promotion.threshold)}`],
  );
  if (open.length === 0 && before.evidence !== undefined) return;
  const how = open.length === 0 ? 'nothing has been counted yet' : open.join(', ');
  cli.note(
    `${cli.colors.yellow('warning')} promoted by hand before the evidence said that ${cell(winner)} is not worse: ${how}`,
  );
};

/** How it stands after a change, and the sentences of the decision. */
export const lineOf = (cli: Cli, rollout: RolloutInfo): string =>
  [
    `${rollout.id} ${paintRolloutStatus(cli.colors, rollout.status)}, revision ${rollout.revision}: ${rollout.arms.map(({ label, weight }) => `${label} ${percentText(weight)}`).join(', ')}`,
    ...explanationLines(rollout.explanation),
  ].join('\n');
