import { isTerminalRun, type RunView } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';
import { Option } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { followRun } from '../follow/follow-run.ts';
import { parseParams } from '../follow/parse-params.ts';
import { patiently } from '../follow/patiently.ts';
import { showProgress } from '../follow/show-progress.ts';
import { safeText } from '../render/format.ts';
import { renderRun } from '../render/render-run.ts';

interface Options extends AnswerOptions {
  readonly wait?: boolean;
  readonly follow?: boolean;
  readonly param: readonly string[];
  readonly params?: string;
  readonly priority?: number;
  readonly idempotencyKey?: string;
  readonly untrustedInput?: boolean;
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
      .option('--wait', 'wait until the run has ended')
      .option('--follow', 'wait, and show how it goes')
      .addOption(new Option('--priority <n>', 'higher runs first').argParser(wholeNumber(0, 1_000_000)))
      .option('--untrusted-input', 'what agents of this run want to remember waits for review')
      .option('--idempotency-key <key>', 'the same key never starts two runs')
      .action(async (dag: string, pairs: readonly string[], options: Options) => {
        const client = await connect(cli, options);
        const params = parseParams(options.params, [...options.param, ...pairs]);
        const { run } = await client.runs.submit(
          {
            dag,
            params,
            ...(options.priority === undefined ? {} : { priority: options.priority }),
            ...(options.untrustedInput === true ? { untrustedInput: true } : {}),
          },
          options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey },
        );
        if (options.wait !== true && options.follow !== true) {
          answer(cli, options.json, run, () => run.runId);
          // It may have ended already: a DAG that is not there, an agent that is not active.
          if (run.status === 'failed') {
            cli.exitCode = exitCodes.failed;
            if (options.json !== true && run.error !== undefined)
              cli.note(`${cli.colors.red('failed')} ${safeText(run.error.message)}`);
          }
          return;
        }
        const json = options.json === true;
        if (options.follow === true) {
          if (!json) cli.note(cli.colors.dim(run.runId));
          const runs = {
            get: (id: string) => patiently(() => client.runs.get(id), cli.signal),
            watch: (id: string, watching?: Parameters<typeof client.runs.watch>[1]) => client.runs.watch(id, watching),
          };
          await showProgress(cli, followRun(runs, run.runId, { signal: cli.signal }), json);
        }
        const last = await untilEnded(cli, client, run.runId);
        answer(cli, options.json, last, () => renderRun(cli.colors, last, Date.now()));
        if (last.status !== 'succeeded') cli.exitCode = exitCodes.failed;
      }),
  );
};

/** The run when it has ended, or as it is when Ctrl-C was pressed: the run goes on without us. */
const untilEnded = async (cli: Cli, client: SkeinClient, runId: string): Promise<RunView> => {
  for (;;) {
    if (cli.signal.aborted) return client.runs.get(runId);
    try {
      const run = await patiently(() => client.runs.get(runId, { waitMs: 30_000, signal: cli.signal }), cli.signal);
      if (isTerminalRun(run.status)) return run;
    } catch (error) {
      if (!cli.signal.aborted) throw error;
    }
  }
};
