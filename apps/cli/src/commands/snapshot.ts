import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  DomainError,
  defaultSnapshotLimits,
  diffManifests,
  type Manifest,
  type ManifestDiff,
  type ManifestDiffPart,
} from '@skein/domain';
import { decodeEnvelope, verifySnapshot } from '@skein/snapshot';
import { createHasher } from '@skein/telemetry';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand } from '../cli/command.ts';
import { connect } from '../cli/find-endpoint.ts';
import { formatBytes, shortDigest } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface Inspected {
  readonly digest: string;
  /** Compressed. */
  readonly bytes: number;
  readonly uncompressedBytes: number;
  readonly manifest: Manifest;
}

/** `skein snapshot inspect DIGEST|FILE`, `skein snapshot diff A B`, `skein snapshot download DIGEST FILE`. */
export const addSnapshotCommand: AddCommand = (program, cli) => {
  const subjectText = 'digest (or its first 6 or more digits) of a stored snapshot, or a snapshot file';
  const inspect = remoteCommand('inspect', 'show what a snapshot holds, and which steps asked for it')
    .argument('<digest|file>', subjectText)
    .action(async (subject: string, options: AnswerOptions) => {
      const inspected = await inspectSubject(cli, options, subject);
      answer(cli, options.json, inspected, () => renderSnapshot(cli, inspected));
    });
  const diff = remoteCommand('diff', 'show how two snapshots differ')
    .argument('<a>', subjectText)
    .argument('<b>', 'the same')
    .action(async (a: string, b: string, options: AnswerOptions) => {
      const [before, after] = [await inspectSubject(cli, options, a), await inspectSubject(cli, options, b)];
      const changes = diffManifests(before.manifest, after.manifest);
      answer(cli, options.json, { a: before.digest, b: after.digest, ...changes }, () => {
        const head = cli.colors.dim(`${shortDigest(before.digest)} -> ${shortDigest(after.digest)}`);
        return `${head}\n${renderDiff(cli, changes)}`;
      });
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
    .addCommand(diff)
    .addCommand(download);
};

/** A digest or the beginning of one, and no path. */
const digestLike = /^(sha256:)?[0-9a-f]{6,64}$/;

const inspectSubject = async (cli: Cli, options: AnswerOptions, subject: string): Promise<Inspected> =>
  digestLike.test(subject)
    ? (await connect(cli, options)).snapshots.inspect(subject)
    : await inspectFile(resolve(cli.cwd, subject));

/** Every byte of the file is checked against the digests in it. */
const inspectFile = async (path: string): Promise<Inspected> => {
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new DomainError('invalid_argument', `${path} cannot be read (${error.code ?? 'unknown'})`);
  });
  const envelope = new Uint8Array(file);
  const deps = { hasher: createHasher(), limits: defaultSnapshotLimits };
  const digest = deps.hasher.digest(decodeEnvelope(envelope, deps.limits).manifestBytes);
  const { manifest, parts } = verifySnapshot(deps, digest, { envelope });
  let uncompressedBytes = 0;
  for (const bytes of parts.values()) uncompressedBytes += bytes.byteLength;
  return { digest, bytes: envelope.byteLength, uncompressedBytes, manifest };
};

const renderSnapshot = (cli: Cli, { digest, bytes, uncompressedBytes, manifest }: Inspected): string => {
  const rows = manifest.parts.map((part) => [
    part.kind,
    cell(part.name),
    formatBytes(part.size),
    shortDigest(part.digest),
    cell(part.askedBy.join(', ')),
  ]);
  const count = manifest.parts.length;
  const sizes = `${count} part${count === 1 ? '' : 's'}, ${formatBytes(uncompressedBytes)}, ${formatBytes(bytes)} compressed`;
  return `${digest}\n${cli.colors.dim(sizes)}\n${renderTable(cli.colors, ['kind', 'name', 'size', 'digest', 'asked by'], rows)}`;
};

const renderDiff = (cli: Cli, { added, removed, changed, same }: ManifestDiff): string => {
  const { colors } = cli;
  const side = (of: ManifestDiffPart['before']): string =>
    of === undefined ? '' : `${shortDigest(of.digest)} ${formatBytes(of.size)}`;
  const line = (mark: string, { kind, name, before, after }: ManifestDiffPart): string =>
    `${mark} ${kind} ${cell(name)}  ${[side(before), side(after)].filter((text) => text !== '').join(' -> ')}`;
  return [
    ...added.map((part) => line(colors.green('+'), part)),
    ...removed.map((part) => line(colors.red('-'), part)),
    ...changed.map((part) => line(colors.yellow('~'), part)),
    colors.dim(`  ${same} part${same === 1 ? '' : 's'} in both`),
  ].join('\n');
};
