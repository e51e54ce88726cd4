import { Option } from 'commander';
import { answer } from '../cli/cli.ts';
import { type AddCommand, remoteCommand, wholeNumber } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { dagNames, withSuggestion } from '../cli/with-suggestion.ts';
import { parseParams } from '../follow/parse-params.ts';
import { type WaitOptions, waitForRun } from '../follow/wait-for-run.ts';
import { safeText } from '../render/format.ts';

interface Options extends WaitOptions {
  readonly param: readonly string[];
  readonly params?: string;
  readonly priority?: number;
  readonly idempotencyKey?: string;
  readonly untrustedInput?: boolean;
  readonly key: readonly string[];
  readonly routingContext?: string;
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

/** `skein run DAG`: starts a run, and waits for it or follows it when asked to. */
export const addRunCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('run', 'start a run of a DAG')
      .argument('<dag>', 'name of the DAG')
      .argument('[name=value...]', 'parameters')
      .option('-p, --param <name=value>', 'a parameter; may be repeated', collect, [])
      .option('--params <json>', 'parameters as a JSON object')
      .option(
        '--key <name=value>',
        'a field that rollouts choose by, like resourceId=tenant-9; may be repeated',
        collect,
        [],
      )
      .option('--routing-context <json>', 'such fields as a JSON object')
      .option('--wait', 'wait until the run has ended')
      .option('--follow', 'wait, and show how it goes')
      .addOption(new Option('--priority <n>', 'higher runs first').argParser(wholeNumber(0, 1_000_000)))
      .option('--untrusted-input', 'what agents of this run want to remember waits for review')
      .option('--idempotency-key <key>', 'the same key never starts two runs')
      .action(async (dag: string, pairs: readonly string[], options: Options) => {
        const client = await connect(cli, options);
        const params = parseParams(options.params, [...options.param, ...pairs]);
        const routingContext = parseParams(options.routingContext, options.key, '--routing-context');
        const submit = {
          dag,
          params,
          ...(Object.keys(routingContext).length === 0 ? {} : { routingContext }),
          ...(options.priority === undefined ? {} : { priority: options.priority }),
          ...(options.untrustedInput === true ? { untrustedInput: true } : {}),
        };
        const key = options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey };
        const { run } = await withSuggestion(
          dag,
          () => dagNames(client),
          () => client.runs.submit(submit, key),
        );
        if (options.wait !== true && options.follow !== true) {
          answer(cli, options.json, run, () => run.runId);
          // It may have ended already: a DAG that is not there, an agent that is not active.
          if (run.status === 'failed') {
            cli.exitCode = exitCodes.failed;
            if (options.json !== true && run.error !== undefined)
              cli.note(
                `${cli.colors.red('failed')} ${safeText(run.error.message)} ${cli.colors.dim(`(${run.error.code})`)}`,
              );
          }
          return;
        }
        await waitForRun(cli, client, run.runId, options);
      }),
  );
};
