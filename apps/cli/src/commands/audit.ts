import type { AuditEntryInfo } from '@skein/sdk';
import { Option } from 'commander';
import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface ListOptions extends AnswerOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly target?: string;
  readonly since?: string;
  readonly limit: number;
}

/** Entries that one call asks for. */
const perPage = 500;

/** `skein audit list`. */
export const addAuditCommand: AddCommand = (program, cli) => {
  const list = remoteCommand('list', 'who did what, and what was refused, newest first')
    .option('--actor <id>', 'only of this token, worker or trigger')
    .option('--action <action>', 'only this, like "POST /api/runs"')
    .option('--target <target>', 'only on this run, agent, token, …')
    .option('--since <instant>', 'not older than this (ISO 8601)')
    .addOption(new Option('--limit <count>', 'at most so many').argParser(wholeNumber(1, 100_000)).default(100))
    .action(async ({ actor, action, target, since, limit, ...options }: ListOptions) => {
      const client = await connect(cli, options);
      const filter = {
        ...(actor === undefined ? {} : { actor }),
        ...(action === undefined ? {} : { action }),
        ...(target === undefined ? {} : { target }),
        ...(since === undefined ? {} : { since }),
      };
      const items: AuditEntryInfo[] = [];
      for (let cursor: string | undefined; items.length < limit; ) {
        const count = Math.min(perPage, limit - items.length);
        const page = await client.audit.list({ ...filter, limit: count, ...(cursor === undefined ? {} : { cursor }) });
        items.push(...page.items);
        cursor = page.nextCursor;
        if (cursor === undefined) break;
      }
      answer(cli, options.json, { items }, () =>
        renderTable(
          cli.colors,
          ['at', 'who', 'did', 'on', 'outcome'],
          items.map((entry) => [
            formatInstant(entry.at),
            cell(entry.actor.name === undefined ? `${entry.actor.kind} ${entry.actor.id}` : entry.actor.name),
            cell(entry.action),
            cell(entry.target ?? ''),
            cell(entry.outcome),
          ]),
          'nothing was audited',
        ),
      );
    });
  const audit = program.command('audit').summary('read the audit log').description('read the audit log');
  audit.addCommand(list, { isDefault: true });
};
