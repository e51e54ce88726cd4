import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { dagNames, withSuggestion } from '../cli/with-suggestion.ts';
import { shortDigest } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** `skein dags`, `skein dags show NAME`. */
export const addDagsCommand: AddCommand = (program, cli) => {
  const list = remoteCommand('list', 'list DAGs').action(async (options: AnswerOptions) => {
    const items = await (await connect(cli, options)).dags.list();
    answer(cli, options.json, { items }, () =>
      renderTable(
        cli.colors,
        ['DAG', 'steps', 'digest', 'description'],
        items.map((dag) => [cell(dag.name), String(dag.steps), shortDigest(dag.digest), cell(dag.description)]),
        'no DAGs',
      ),
    );
  });
  const show = remoteCommand('show', "show a DAG's source")
    .argument('<name>', 'name of the DAG')
    .action(async (name: string, options: AnswerOptions) => {
      const client = await connect(cli, options);
      const dag = await withSuggestion(
        name,
        () => dagNames(client),
        () => client.dags.get(name),
      );
      answer(cli, options.json, dag, () => dag.source ?? JSON.stringify(dag.dag, null, 2));
    });
  const dags = program.command('dags').summary('list and show DAGs').description('list and show DAGs');
  dags.addCommand(list, { isDefault: true }).addCommand(show);
};
