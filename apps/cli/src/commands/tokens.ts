import { Option } from 'commander';
import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface CreateOptions extends AnswerOptions {
  readonly kind: 'api' | 'join';
  readonly ttl?: number;
}

/** `skein tokens create|list|revoke`. */
export const addTokensCommand: AddCommand = (program, cli) => {
  const create = remoteCommand('create', 'create a token; it is shown once')
    .argument('<name>', 'what it is for')
    .addOption(new Option('--kind <kind>', 'what it lets its bearer do').choices(['api', 'join']).default('api'))
    .addOption(new Option('--ttl <seconds>', 'how long it works').argParser(wholeNumber(1, 315_360_000)))
    .action(async (name: string, options: CreateOptions) => {
      const created = await (await connect(cli, options)).tokens.create({
        kind: options.kind,
        name,
        ...(options.ttl === undefined ? {} : { ttlMs: options.ttl * 1_000 }),
      });
      answer(cli, options.json, created, () => created.token);
    });
  const list = remoteCommand('list', 'list tokens, without their secrets').action(async (options: AnswerOptions) => {
    const items = await (await connect(cli, options)).tokens.list();
    answer(cli, options.json, { items }, () =>
      renderTable(
        cli.colors,
        ['token', 'kind', 'name', 'created', 'expires', 'revoked'],
        items.map((token) => [
          token.tokenId,
          token.kind,
          cell(token.name),
          formatInstant(token.createdAt),
          formatInstant(token.expiresAt),
          formatInstant(token.revokedAt),
        ]),
        'no tokens',
      ),
    );
  });
  const revoke = remoteCommand('revoke', 'make a token stop working')
    .argument('<token-id>', 'tok_…')
    .action(async (tokenId: string, options: AnswerOptions) => {
      await (await connect(cli, options)).tokens.revoke(tokenId);
      answer(cli, options.json, { tokenId, revoked: true }, () => `${tokenId} revoked`);
    });
  const tokens = program.command('tokens').summary('manage tokens').description('manage tokens');
  tokens.addCommand(list, { isDefault: true }).addCommand(create).addCommand(revoke);
};
