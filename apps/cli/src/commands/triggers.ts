import { InvalidArgumentError, Option } from 'commander';
import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface CreateOptions extends AnswerOptions {
  readonly dag: string;
  readonly param?: { readonly [name: string]: string };
}

const addParam = (text: string, earlier: { readonly [name: string]: string } = {}) => {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('must be NAME=/pointer/into/the/body');
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
};

/** `skein triggers create|list|revoke`. */
export const addTriggersCommand: AddCommand = (program, cli) => {
  const list = remoteCommand('list', 'list webhook triggers, without their secrets').action(
    async (options: AnswerOptions) => {
      const items = await (await connect(cli, options)).triggers.list();
      answer(cli, options.json, { items }, () =>
        renderTable(
          cli.colors,
          ['trigger', 'name', 'dag', 'params', 'created', 'by'],
          items.map((trigger) => [
            trigger.triggerId,
            cell(trigger.name),
            cell(trigger.dag),
            cell(trigger.params === undefined ? 'body' : Object.keys(trigger.params).join(' ')),
            formatInstant(trigger.createdAt),
            cell(trigger.createdBy),
          ]),
          'no triggers',
        ),
      );
    },
  );
  const create = remoteCommand('create', 'create a webhook trigger; its secret is shown once')
    .argument('<name>', 'what it is for')
    .requiredOption('--dag <name>', 'DAG that a signed request runs')
    .addOption(
      new Option(
        '--param <name=pointer>',
        'where a param lies in the body, like ref=/ref; else the body is `body`',
      ).argParser(addParam),
    )
    .action(async (name: string, { dag, param, ...options }: CreateOptions) => {
      const client = await connect(cli, options);
      const made = await client.triggers.create({ name, dag, ...(param === undefined ? {} : { params: param }) });
      const url = `${client.url.replace(/\/$/, '')}/api/triggers/${made.triggerId}`;
      answer(cli, options.json, { ...made, url }, () => `${url}\n${made.secret}`);
    });
  const revoke = remoteCommand('revoke', 'let a trigger start no more runs')
    .argument('<trigger-id>', 'trg_…')
    .action(async (triggerId: string, options: AnswerOptions) => {
      await (await connect(cli, options)).triggers.revoke(triggerId);
      answer(cli, options.json, { triggerId, revoked: true }, () => `${cell(triggerId)} revoked`);
    });
  const triggers = program
    .command('triggers')
    .summary('manage webhook triggers')
    .description('manage webhook triggers');
  triggers.addCommand(list, { isDefault: true }).addCommand(create).addCommand(revoke);
};
