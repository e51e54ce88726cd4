import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { DomainError } from '@skein/domain';
import { Argument, Option } from 'commander';
import {
  authorityFiles,
  leafFiles,
  readAuthorityFiles,
  refuseExisting,
  writeFiles,
} from '../certs/certificate-files.ts';
import { type CertificateView, describeCertificate } from '../certs/describe-certificate.ts';
import { type CertificateRole, createAuthority, issueCertificate } from '../certs/issue.ts';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, localCommand, wholeNumber } from '../cli/command.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface DirOptions {
  readonly dir: string;
  readonly json?: boolean;
}

interface InitOptions extends DirOptions {
  readonly days: number;
}

interface IssueOptions extends InitOptions {
  readonly host?: readonly string[];
  readonly out?: string;
}

const defaultDir = 'certs';
const authorityDays = 3_650;
const leafDays = 365;
const maxLeafDays = 825;

/** In every certificate of a coordinator, so that commands on its own machine reach it. */
const ownHosts = ['localhost', '127.0.0.1', '::1'];

const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  ...value.split(',').map((host) => host.trim()),
];

/** `skein certs init|issue|show`. */
export const addCertsCommand: AddCommand = (program, cli) => {
  const dir = () => new Option('--dir <dir>', 'folder of the authority and its certificates').default(defaultDir);
  const days = (most: number, usual: number) =>
    new Option('--days <n>', 'how long it is valid').argParser(wholeNumber(1, most)).default(usual);
  const init = localCommand('init', 'make an authority of your own')
    .addOption(dir())
    .addOption(days(7_300, authorityDays))
    .action((options: InitOptions) => makeAuthority(cli, options));
  const issue = localCommand('issue', 'issue a certificate to a coordinator or a worker')
    .addArgument(new Argument('<role>', 'whom it is for').choices(['coordinator', 'worker']))
    .argument('<name>', 'its name; workers that share a certificate share the name')
    .option('--host <host>', 'host name or IP address of the coordinator; may be repeated', collect)
    .addOption(days(maxLeafDays, leafDays))
    .addOption(dir())
    .option('--out <dir>', 'where the files go (default: the folder of the authority)')
    .action((role: CertificateRole, name: string, options: IssueOptions) => issueLeaf(cli, role, name, options));
  const show = localCommand('show', 'show the certificates of a folder')
    .addOption(dir())
    .action((options: DirOptions) => showAll(cli, options));
  const certs = program.command('certs').summary('make certificates for TLS').description('make certificates for TLS');
  certs.addCommand(init).addCommand(issue).addCommand(show);
};

const makeAuthority = async (cli: Cli, options: InitOptions): Promise<void> => {
  const dir = resolve(cli.cwd, options.dir);
  const files = authorityFiles(dir);
  await refuseExisting(files);
  await writeFiles(dir, files, await createAuthority(new Date(), options.days));
  const lines = [
    `${cli.colors.green('made')} ${files.certificate}`,
    `${cli.colors.green('made')} ${files.privateKey}  keep it secret, and off the machines that only need ca.pem`,
    cli.colors.dim(`next: skein certs issue coordinator NAME --host HOST --dir ${options.dir}`),
  ];
  answer(cli, options.json, files, () => lines.join('\n'));
};

const issueLeaf = async (cli: Cli, role: CertificateRole, name: string, options: IssueOptions): Promise<void> => {
  const dir = resolve(cli.cwd, options.dir);
  const out = resolve(cli.cwd, options.out ?? options.dir);
  const files = leafFiles(out, role, name);
  const given = options.host ?? (role === 'coordinator' ? [hostname()] : []);
  const hosts = role === 'coordinator' ? [...given, ...ownHosts] : given;
  const authority = await readAuthorityFiles(dir);
  const issued = await issueCertificate(authority, { role, name, hosts, days: options.days }, new Date());
  await writeFiles(out, files, issued);
  const [cert, key] =
    role === 'coordinator'
      ? ['SKEIN_TLS_CERT_FILE', 'SKEIN_TLS_KEY_FILE']
      : ['SKEIN_TLS_CERT_FILE (of the worker)', 'SKEIN_TLS_KEY_FILE (of the worker)'];
  const lines = [
    `${cli.colors.green('made')} ${files.certificate}  ${cli.colors.dim(cert ?? '')}`,
    `${cli.colors.green('made')} ${files.privateKey}  ${cli.colors.dim(key ?? '')}`,
  ];
  const ca = authorityFiles(dir).certificate;
  const view = describeCertificate(files.certificate, issued.certificate, authority.certificate);
  answer(cli, options.json, { ...view, ...files, ca }, () => lines.join('\n'));
};

const showAll = async (cli: Cli, options: DirOptions): Promise<void> => {
  const dir = resolve(cli.cwd, options.dir);
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    throw new DomainError('not_found', `there is no folder ${dir} that can be read (${error.code ?? 'unknown'})`);
  });
  const authority = await readFile(authorityFiles(dir).certificate, 'utf8').catch(() => undefined);
  const items: CertificateView[] = [];
  for (const name of names.filter((each) => /\.(?:pem|crt)$/.test(each)).toSorted()) {
    const view = describeCertificate(name, await readFile(join(dir, name), 'utf8'), authority);
    if (view !== undefined) items.push(view);
  }
  const now = Date.now();
  const left = ({ notAfter }: CertificateView): string => {
    const days = Math.floor((Date.parse(notAfter) - now) / 86_400_000);
    return days < 0 ? cli.colors.red('expired') : `${days} days`;
  };
  answer(cli, options.json, { items }, () =>
    renderTable(
      cli.colors,
      ['file', 'names', 'hosts', 'until', 'left', 'of this authority'],
      items.map((view) => [
        cell(view.file),
        cell(view.names),
        cell(view.hosts.join(' ')),
        view.notAfter.slice(0, 10),
        left(view),
        view.trusted === undefined ? '' : view.trusted ? 'yes' : cli.colors.red('no'),
      ]),
      'no certificates',
    ),
  );
};
