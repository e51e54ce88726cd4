import { DomainError } from '@skein/domain';
import type { TokenInfo, TokenRole } from '@skein/sdk';
import { InvalidArgumentError, Option } from 'commander';
import { answer } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, wholeNumber } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { parseDuration } from '../cli/parse-duration.ts';
import { formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface CreateOptions extends AnswerOptions {
  readonly kind: 'api' | 'join';
  readonly join?: boolean;
  readonly ttl?: number;
  readonly expires?: number;
  readonly label?: { readonly [name: string]: string };
  readonly maxUses?: number;
  readonly role?: TokenRole;
}

const label = (
  text: string,
  earlier: { readonly [name: string]: string } | undefined,
): { readonly [name: string]: string } => {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('must be name=value');
  return { ...earlier, [name]: value };
};

/** Labels of its workers, and uses. */
const limitsText = ({ labels, maxUses, uses }: TokenInfo): string =>
  [
    ...Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(maxUses === undefined ? [] : [`${uses ?? 0}/${maxUses} uses`]),
  ].join(' ');

/** `skein tokens create|list|revoke`. */
export const addTokensCommand: AddCommand = (program, cli) => {
  const create = remoteCommand('create', 'create a token; it is shown once')
    .argument('[name]', 'what it is for (default, for workers: workers)')
    .addOption(new Option('--kind <kind>', 'what it lets its bearer do').choices(['api', 'join']).default('api'))
    .addOption(
      new Option('--role <role>', 'what an API token may do; admin when absent').choices([
        'viewer',
        'operator',
        'release-manager',
        'admin',
      ]),
    )
    .addOption(new Option('--join', 'a token for workers: short for --kind join').conflicts('role'))
    .addOption(new Option('--ttl <seconds>', 'how long it works').argParser(wholeNumber(1, 315_360_000)))
    .addOption(
      new Option('--expires <time>', 'how long it works, like 90s, 30m, 24h or 7d')
        .argParser(parseDuration)
        .conflicts('ttl'),
    )
    .option('--label <name=value>', 'label that its workers get, and may have (value *: any); may be repeated', label)
    .addOption(
      new Option('--max-uses <n>', 'how many worker processes may join by it').argParser(wholeNumber(1, 1_000_000_000)),
    )
    .action(async (given: string | undefined, options: CreateOptions) => {
      const { role, ttl, label: labels, maxUses } = options;
      const kind = options.join === true ? 'join' : options.kind;
      const name = given ?? (kind === 'join' ? 'workers' : undefined);
      if (name === undefined)
        throw new DomainError('invalid_argument', 'say what the token is for: tokens create NAME');
      const ttlMs = options.expires ?? (ttl === undefined ? undefined : ttl * 1_000);
      const created = await (await connect(cli, options)).tokens.create({
        kind,
        name,
        ...(role === undefined ? {} : { role }),
        ...(ttlMs === undefined ? {} : { ttlMs }),
        ...(labels === undefined ? {} : { labels }),
        ...(maxUses === undefined ? {} : { maxUses }),
      });
      answer(cli, options.json, created, () => created.token);
    });
  const list = remoteCommand('list', 'list tokens, without their secrets').action(async (options: AnswerOptions) => {
    const items = await (await connect(cli, options)).tokens.list();
    answer(cli, options.json, { items }, () =>
      renderTable(
        cli.colors,
        ['token', 'kind', 'role', 'name', 'limits', 'created', 'expires', 'revoked'],
        items.map((token) => [
          token.tokenId,
          token.kind,
          token.role ?? '',
          cell(token.name),
          cell(limitsText(token)),
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
