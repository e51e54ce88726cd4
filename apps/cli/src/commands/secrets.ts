import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DomainError } from '@skein/domain';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** `skein secrets set|list|remove|rotate`. */
export const addSecretsCommand: AddCommand = (program, cli) => {
  const list = remoteCommand('list', 'list stored secrets, without their values').action(
    async (options: AnswerOptions) => {
      const items = await (await connect(cli, options)).secrets.list();
      answer(cli, options.json, { items }, () =>
        renderTable(
          cli.colors,
          ['secret', 'key', 'updated', 'by'],
          items.map(({ name, keyId, updatedAt, updatedBy }) => [
            name,
            keyId,
            formatInstant(updatedAt),
            cell(updatedBy),
          ]),
          'no stored secrets',
        ),
      );
    },
  );
  const set = remoteCommand('set', 'store a secret, encrypted')
    .argument('<name>', 'name of the secret')
    .argument('[file]', 'file with the value, or - for standard input', '-')
    .action(async (name: string, file: string, options: AnswerOptions) => {
      const value = await readValue(cli, file);
      const secret = await (await connect(cli, options)).secrets.set(name, value);
      answer(cli, options.json, secret, () => `${cell(secret.name)} stored under ${secret.keyId}`);
    });
  const remove = remoteCommand('remove', 'remove a stored secret')
    .argument('<name>', 'name of the secret')
    .action(async (name: string, options: AnswerOptions) => {
      await (await connect(cli, options)).secrets.remove(name);
      answer(cli, options.json, { name, removed: true }, () => `${cell(name)} removed`);
    });
  const rotate = remoteCommand('rotate', 'seal all stored secrets with the first key of the coordinator').action(
    async (options: AnswerOptions) => {
      const rotation = await (await connect(cli, options)).secrets.rotate();
      if (rotation.failed.length > 0) cli.exitCode = 1;
      answer(cli, options.json, rotation, () =>
        [
          `${rotation.rotated} sealed anew with ${rotation.keyId}`,
          ...rotation.failed.map(({ name, code }) => `${cell(name)} could not be opened (${code})`),
        ].join('\n'),
      );
    },
  );
  const secrets = program.command('secrets').summary('keep secrets, encrypted').description('keep secrets, encrypted');
  secrets.addCommand(list, { isDefault: true }).addCommand(set).addCommand(remove).addCommand(rotate);
};

/** Never an argument, which others on the machine could read. One line break at the end is not part of it. */
const readValue = async (cli: Cli, file: string): Promise<string> => {
  const bytes =
    file === '-'
      ? await buffer(process.stdin)
      : await readFile(resolve(cli.cwd, file)).catch((error: NodeJS.ErrnoException) => {
          throw new DomainError('invalid_argument', `${file} cannot be read (${error.code ?? 'unknown'})`);
        });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch {
    throw new DomainError('invalid_argument', 'the value is not UTF-8 text');
  }
};
