import { DomainError } from '@skein/domain';
import type { StartRolloutInput } from '@skein/sdk';
import { type Command, Option } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { parseDuration } from '../cli/parse-duration.ts';
import { explanationLines, renderForecast } from '../render/render-rollout.ts';
import { parsePins } from './parse-pin.ts';
import { parseReplayRuns, parseRule, parseScorer, replayRunsText, scorerText } from './parse-rule.ts';
import { parseSteps, stepsText } from './parse-steps.ts';
import { parseWeight } from './parse-weight.ts';
import {
  collect,
  onNoDataOption,
  type PolicyOptions,
  pinOption,
  ruleOption,
  runPolicyOption,
} from './policy-options.ts';
import { onAgent } from './with-revision.ts';

interface Options extends AnswerOptions, PolicyOptions {
  readonly weight?: string;
  readonly arm: readonly string[];
  readonly steps?: string;
  readonly scorer: readonly string[];
  readonly key: readonly string[];
  readonly eligible?: string;
  readonly alpha?: number;
  readonly memory?: 'frozen' | 'forked' | 'shared';
  readonly horizon?: number;
  readonly replay?: string;
  readonly minPairs?: number;
  readonly shadow?: string;
  readonly draft?: boolean;
  readonly force?: boolean;
  readonly reason?: string;
  readonly dryRun?: boolean;
}

/** `skein rollout start AGENT CANDIDATE`, or with `--arm` an experiment. */
export const startCommand = (cli: Cli): Command =>
  remoteCommand('start', 'send a share of runs to another version of an agent')
    .argument('<agent>', 'agent id')
    .argument('[candidate]', 'version of the candidate: alias (v3), id, or the first 6 or more digits of one')
    .option(
      '--weight <share>',
      'the share of units that gets the candidate, like 5% or 0.001; without it the default steps',
    )
    .option(
      '--arm <version=share>',
      'an arm of an experiment, VERSION=SHARE or VERSION=SHARE=LABEL; may be repeated',
      collect,
      [],
    )
    .option('--steps <steps>', `the plan: ${stepsText}`)
    .addOption(ruleOption('what is tested'))
    .option('--scorer <scorer>', `what judges outputs: ${scorerText}; may be repeated`, collect, [])
    .option(
      '--key <field>',
      'field of the routing context that names the unit; may be repeated, the first with a text counts',
      collect,
      [],
    )
    .option('--eligible <cel>', 'only runs for which this is true of `context` may get the candidate')
    .addOption(new Option('--alpha <probability>', 'of a false rollback; default 0.01').argParser(Number))
    .addOption(runPolicyOption('; default drain'))
    .addOption(onNoDataOption('; default pause'))
    .addOption(pinOption())
    .addOption(
      new Option('--memory <mode>', "the agent's memory meanwhile; default frozen").choices([
        'frozen',
        'forked',
        'shared',
      ]),
    )
    .addOption(new Option('--horizon <time>', 'pause if undecided after this time, like 30d').argParser(parseDuration))
    .option('--replay <runs>', `a replay that must pass first: ${replayRunsText}`)
    .addOption(
      new Option('--min-pairs <n>', 'with --replay: pairs that must be compared; default 5').argParser(
        wholeNumber(1, 500),
      ),
    )
    .option('--shadow <share>', 'share of live steps that also run on the candidate, without effects')
    .option('--draft', 'only prepare it; rollout activate starts it')
    .option('--force', 'also soon after a rollback, and when the plan cannot finish; needs --reason')
    .option('--reason <text>', 'why')
    .option('--dry-run', 'only say what recent traffic says of the plan')
    .action(async (agentId: string, candidate: string | undefined, options: Options) => {
      const input = await inputOf(cli, candidate, options);
      const client = await connect(cli, options);
      if (options.dryRun === true) {
        const forecast = await onAgent(client, agentId, () => client.rollouts.forecast(agentId, input));
        answer(cli, options.json, forecast, () => renderForecast(cli.colors, forecast).join('\n'));
        if (forecast.impossible !== undefined) cli.exitCode = exitCodes.failed;
        return;
      }
      const started = await onAgent(client, agentId, () => client.rollouts.start(agentId, input));
      answer(cli, options.json, started, () =>
        [
          started.id,
          ...renderForecast(cli.colors, started.forecast),
          '',
          ...explanationLines(started.explanation),
        ].join('\n'),
      );
    });

const inputOf = async (cli: Cli, candidate: string | undefined, options: Options): Promise<StartRolloutInput> => {
  const arms = options.arm.map(parseArm);
  if ((candidate === undefined) === (arms.length === 0)) {
    throw new DomainError(
      'invalid_argument',
      'name the version of the candidate, or the arms of an experiment with --arm, one of both',
    );
  }
  if (options.force === true && options.reason === undefined) {
    throw new DomainError('invalid_argument', '--force needs a --reason: it is recorded');
  }
  if (options.alpha !== undefined && Number.isNaN(options.alpha)) {
    throw new DomainError('invalid_argument', '--alpha must be a number like 0.01');
  }
  const weight = options.weight === undefined ? undefined : parseWeight(options.weight, '--weight');
  const isFutile = Number(weight) === 0 && options.steps === undefined && options.shadow === undefined;
  if (isFutile && options.draft !== true) {
    throw new DomainError(
      'invalid_argument',
      '--weight 0 without --steps exposes nobody: give more, or prepare it with --draft and start it later',
    );
  }
  if (options.minPairs !== undefined && options.replay === undefined) {
    throw new DomainError('invalid_argument', '--min-pairs goes with --replay');
  }
  return {
    type: candidate === undefined ? 'ab_test' : 'canary',
    ...(candidate === undefined ? { arms } : { candidateVersionId: candidate }),
    ...(weight === undefined ? {} : { weight }),
    ...(options.steps === undefined ? {} : { steps: await parseSteps(options.steps, cli.cwd) }),
    ...(options.rule.length === 0 ? {} : { rules: options.rule.map(parseRule) }),
    ...(options.scorer.length === 0 ? {} : { scorers: options.scorer.map(parseScorer) }),
    ...(options.key.length === 0 ? {} : { routingKeys: options.key }),
    ...(options.eligible === undefined ? {} : { eligibility: options.eligible }),
    ...(options.alpha === undefined ? {} : { alpha: options.alpha }),
    ...(options.runPolicy === undefined ? {} : { runPolicy: options.runPolicy }),
    ...(options.onNoData === undefined ? {} : { onNoData: options.onNoData }),
    ...(options.pin.length === 0 ? {} : { forced: parsePins(options.pin, Date.now()) }),
    ...(options.memory === undefined ? {} : { memory: options.memory }),
    ...(options.horizon === undefined ? {} : { horizonMs: options.horizon }),
    ...(options.replay === undefined ? {} : { replay: replayOf(options.replay, options.minPairs) }),
    ...(options.shadow === undefined ? {} : { shadow: parseWeight(options.shadow, '--shadow') }),
    ...(options.draft === true ? { draft: true } : {}),
    ...(options.force === true ? { force: true } : {}),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  };
};

const replayOf = (runs: string, minPairs: number | undefined): NonNullable<StartRolloutInput['replay']> => ({
  ...parseReplayRuns(runs, '--replay'),
  ...(minPairs === undefined ? {} : { minPairs }),
});

const parseArm = (text: string): { readonly versionId: string; readonly weight: string; readonly label?: string } => {
  const [versionId = '', share = '', label, ...more] = text.split('=');
  if (versionId === '' || more.length > 0) {
    throw new DomainError(
      'invalid_argument',
      `--arm must be VERSION=SHARE or VERSION=SHARE=LABEL, not "${text.slice(0, 100)}"`,
    );
  }
  return { versionId, weight: parseWeight(share, '--arm: a share'), ...(label === undefined ? {} : { label }) };
};
