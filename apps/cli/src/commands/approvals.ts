import type { RunView } from '@skein/domain';
import type { ApprovalInfo } from '@skein/sdk';
import { Option } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText, stepText, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { withStepSuggestion } from '../cli/with-suggestion.ts';
import { parseParams } from '../follow/parse-params.ts';
import { formatInstant } from '../render/format.ts';
import { paintStatus } from '../render/render-run.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** `skein approvals [RUN]`. */
export const addApprovalsCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('approvals', 'list what waits for a person, oldest first')
      .argument('[run]', `only of this run: ${runText}`)
      .action(async (run: string | undefined, options: AnswerOptions) => {
        const client = await connect(cli, options);
        const items = await client.approvals.list(run === undefined ? undefined : await resolveRun(client, run));
        answer(cli, options.json, { items }, () =>
          renderTable(
            cli.colors,
            ['run', 'DAG', 'step', 'round', 'since (UTC)', 'until (UTC)', 'input', 'question'],
            items.map((approval) => [
              approval.runId,
              cell(approval.dag),
              cell(approval.step),
              String(approval.round),
              formatInstant(approval.since),
              formatInstant(approval.deadline),
              cell(inputText(approval)),
              cell(approval.prompt),
            ]),
            'nothing waits for an approval',
          ),
        );
      }),
  );
};

/** `title:string, copies:integer?`; the question mark is on what may be left out. */
const inputText = ({ input }: ApprovalInfo): string =>
  input.map(({ name, type, required }) => `${name}:${type}${required ? '' : '?'}`).join(', ');

interface ApproveOptions extends AnswerOptions {
  readonly input: readonly string[];
  readonly inputs?: string;
  readonly reason?: string;
  readonly round?: number;
}

const roundOption = () =>
  new Option('--round <n>', 'the round that you saw; refused when the step is in another one by now').argParser(
    wholeNumber(0, 1_000),
  );

const roundOf = ({ round }: { readonly round?: number }) => (round === undefined ? {} : { round });

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

/** `skein approve RUN STEP`. */
export const addApproveCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('approve', 'approve a step that waits for it')
      .argument('<run>', runText)
      .argument('<step>', stepText)
      .option('-i, --input <name=value>', 'an output of the step; may be repeated', collect, [])
      .option('--inputs <json>', 'the outputs as a JSON object')
      .option('--reason <text>', 'why')
      .addOption(roundOption())
      .action(async (run: string, step: string, options: ApproveOptions) => {
        const client = await connect(cli, options);
        const runId = await resolveRun(client, run);
        const inputs = parseParams(options.inputs, options.input, '--inputs');
        const after = await withStepSuggestion(client, runId, step, () =>
          client.approvals.approve(runId, step, {
            ...(Object.keys(inputs).length === 0 ? {} : { inputs }),
            ...(options.reason === undefined ? {} : { reason: options.reason }),
            ...roundOf(options),
          }),
        );
        answer(cli, options.json, after, () => lineOf(cli, after, step, 'approved'));
      }),
  );
};

/** `skein reject RUN STEP --reason TEXT`. */
export const addRejectCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('reject', 'reject a step that waits for approval: it fails')
      .argument('<run>', runText)
      .argument('<step>', stepText)
      .requiredOption('--reason <text>', 'why')
      .addOption(roundOption())
      .action(
        async (
          run: string,
          step: string,
          options: AnswerOptions & { readonly reason: string; readonly round?: number },
        ) => {
          const client = await connect(cli, options);
          const runId = await resolveRun(client, run);
          const after = await withStepSuggestion(client, runId, step, () =>
            client.approvals.reject(runId, step, { reason: options.reason, ...roundOf(options) }),
          );
          answer(cli, options.json, after, () => lineOf(cli, after, step, 'rejected'));
        },
      ),
  );
};

/** `skein push-back RUN STEP FEEDBACK`. */
export const addPushBackCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('push-back', 'answer an approval with feedback: the run goes on again from an earlier step')
      .argument('<run>', runText)
      .argument('<step>', 'the step that waits for approval')
      .argument('<feedback>', 'what is to be done otherwise')
      .option('--to <step>', 'the step to go on from; without it the one that the DAG names')
      .addOption(roundOption())
      .action(
        async (
          run: string,
          step: string,
          feedback: string,
          options: AnswerOptions & { readonly to?: string; readonly round?: number },
        ) => {
          const client = await connect(cli, options);
          const runId = await resolveRun(client, run);
          const named = { ...(options.to === undefined ? {} : { to: options.to }), ...roundOf(options) };
          const after = await withStepSuggestion(client, runId, step, () =>
            client.approvals.pushBack(runId, step, { feedback, ...named }),
          );
          const round = after.steps.find(({ id }) => id === step)?.round;
          answer(cli, options.json, after, () =>
            lineOf(cli, after, step, `pushed back${round === undefined ? '' : `, now in round ${round}`}`),
          );
        },
      ),
  );
};

const lineOf = (cli: Cli, run: RunView, step: string, what: string): string =>
  `${cell(step)} of ${run.runId} ${what}; the run is ${paintStatus(cli.colors, run.status)}`;
