import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DomainError, defaultSnapshotLimits, type Manifest } from '@skein/domain';
import { decodeEnvelope } from '@skein/snapshot';
import { createHasher } from '@skein/telemetry';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatBytes, shortDigest } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface Inspected {
  readonly digest: string;
  readonly bytes: number;
  readonly manifest: Manifest;
}

/** `skein snapshot inspect DIGEST|FILE`, `skein snapshot download DIGEST FILE`. */
export const addSnapshotCommand: AddCommand = (program, cli) => {
  const inspect = remoteCommand('inspect', 'show what a snapshot holds')
    .argument('<digest|file>', 'digest of a stored snapshot, or a snapshot file')
    .action(async (subject: string, options: AnswerOptions) => {
      const inspected = subject.startsWith('sha256:')
        ? await (await connect(cli, options)).snapshots.inspect(subject)
        : await inspectFile(resolve(cli.cwd, subject));
      answer(cli, options.json, inspected, () => renderSnapshot(cli, inspected));
    });
  const download = remoteCommand('download', 'write a stored snapshot to a file')
    .argument('<digest>', 'digest of the snapshot')
    .argument('<file>', 'where to write it')
    .action(async (digest: string, file: string, options: AnswerOptions) => {
      const bytes = await (await connect(cli, options)).snapshots.download(digest);
      const path = resolve(cli.cwd, file);
      await writeFile(path, bytes);
      answer(
        cli,
        options.json,
        { digest, file: path, bytes: bytes.byteLength },
        () => `${path} ${formatBytes(bytes.byteLength)}`,
      );
    });
  program
    .command('snapshot')
    .summary('look into snapshots')
    .description('look into snapshots')
    .addCommand(inspect)
    .addCommand(download);
};

const inspectFile = async (path: string): Promise<Inspected> => {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new DomainError('invalid_argument', `${path} cannot be read (${error.code ?? 'unknown'})`);
  });
  const { manifest, manifestBytes } = decodeEnvelope(new Uint8Array(bytes), defaultSnapshotLimits);
  return { digest: createHasher().digest(manifestBytes), bytes: bytes.byteLength, manifest };
};

const renderSnapshot = (cli: Cli, { digest, bytes, manifest }: Inspected): string => {
  const rows = manifest.parts.map((part) => [
    part.kind,
    cell(part.name),
    formatBytes(part.size),
    shortDigest(part.digest),
  ]);
  const size = manifest.parts.reduce((sum, part) => sum + part.size, 0);
  const head = `${digest}\n${cli.colors.dim(`${manifest.parts.length} parts, ${formatBytes(size)}, ${formatBytes(bytes)} as stored`)}`;
  return `${head}\n${renderTable(cli.colors, ['kind', 'name', 'size', 'digest'], rows)}`;
};
