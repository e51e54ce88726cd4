import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemoryLog } from '@skein/testkit';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../config.ts';
import { endingCertificates, readTlsFiles, type TlsMaterial } from './tls-files.ts';
import { watchTlsFiles } from './watch-tls-files.ts';

const skein = fileURLToPath(new URL('../../../cli/bin/skein.mjs', import.meta.url));

let dir: string;
const at = (name: string): string => join(dir, name);
const certs = (...args: string[]) => execFileSync(process.execPath, [skein, 'certs', ...args], { cwd: dir });

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'skein-tls-files-'));
  certs('init', '--dir', '.');
  for (const name of ['a', 'b']) certs('issue', 'coordinator', name, '--dir', '.', '--host', `${name}.example`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const pair = (name: string, key = name) => ({
  SKEIN_TLS_CERT_FILE: at(`coordinator-${name}.pem`),
  SKEIN_TLS_KEY_FILE: at(`coordinator-${key}.key`),
});

const problems = (env: { readonly [name: string]: string }): readonly string[] => {
  const read = readConfig(['--http', '0.0.0.0:1', '--grpc', '0.0.0.0:2'], env);
  return read.ok ? [] : read.error;
};

test('a certificate lets a coordinator listen for other machines at both doors; without one it names what makes it', () => {
  expect(problems({})).toHaveLength(2);
  for (const problem of problems({})) expect(problem).toContain('skein certs init');
  expect(problems(pair('a'))).toEqual([]);
  const httpOnly = {
    SKEIN_HTTP_TLS_CERT_FILE: pair('b').SKEIN_TLS_CERT_FILE,
    SKEIN_HTTP_TLS_KEY_FILE: pair('b').SKEIN_TLS_KEY_FILE,
  };
  expect(problems(httpOnly).map((problem) => problem.split(':')[0])).toEqual(['SKEIN_GRPC']);
});

test('both doors have the same certificate unless the HTTP API has its own; peers are trusted by the authority of clients', () => {
  const read = readTlsFiles({
    ...pair('a'),
    SKEIN_TLS_CLIENT_CA_FILE: at('ca.pem'),
    SKEIN_HTTP_TLS_CERT_FILE: at('coordinator-b.pem'),
    SKEIN_HTTP_TLS_KEY_FILE: at('coordinator-b.key'),
  });
  const pem = (name: string) => readFileSync(at(name), 'utf8');
  expect(read).toMatchObject({
    value: {
      grpc: { certificate: pem('coordinator-a.pem'), clientAuthority: pem('ca.pem') },
      http: { certificate: pem('coordinator-b.pem') },
      peer: { certificate: pem('coordinator-a.pem'), authority: pem('ca.pem') },
    },
  });
});

test('half a pair, a key of another certificate, and files that hold something else are told', () => {
  writeFileSync(at('nonsense.pem'), 'nothing');
  const told = (files: Parameters<typeof readTlsFiles>[0]): string => {
    const read = readTlsFiles(files);
    return read.ok ? '' : read.error.join('\n');
  };
  expect(told({ SKEIN_TLS_CERT_FILE: at('coordinator-a.pem') })).toContain('needs both');
  expect(told({ SKEIN_TLS_CLIENT_CA_FILE: at('ca.pem') })).toContain('needs both');
  expect(told(pair('a', 'b'))).toContain('cannot be used together');
  expect(told({ ...pair('a'), SKEIN_CA_FILE: at('nonsense.pem') })).toContain('holds no certificate');
  expect(told({ ...pair('a'), SKEIN_CA_FILE: at('absent.pem') })).toContain('ENOENT');
});

test('changed files are handed on once they fit, and not before', async () => {
  const files = { SKEIN_TLS_CERT_FILE: at('live.pem'), SKEIN_TLS_KEY_FILE: at('live.key') };
  const put = (name: string, part: 'pem' | 'key') =>
    copyFileSync(at(`coordinator-${name}.${part}`), at(`live.${part}`));
  put('a', 'pem');
  put('a', 'key');
  const first = readTlsFiles(files);
  if (!first.ok) throw new Error('the files cannot be read');
  const log = createMemoryLog();
  const seen: TlsMaterial[] = [];
  const watched = watchTlsFiles(files, first.value, log, (material) => seen.push(material), 20);
  onTestFinished(() => watched.close());
  watched.reload();
  expect(seen).toEqual([]);
  put('b', 'key');
  await expect.poll(() => log.lines.some(({ level }) => level === 'error'), { timeout: 20_000 }).toBe(true);
  expect(seen).toEqual([]);
  put('b', 'pem');
  await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(1);
  expect(seen[0]?.grpc?.certificate).toBe(readFileSync(at('coordinator-b.pem'), 'utf8'));
});

test('the end of a certificate is told in time', () => {
  const read = readTlsFiles(pair('a'));
  if (!read.ok) throw new Error('the files cannot be read');
  const year = 365 * 86_400_000;
  const told = (now: number) => endingCertificates(read.value, now, 86_400_000);
  expect(told(Date.now())).toEqual([]);
  expect(told(Date.now() + year - 3_600_000)[0]).toContain('coordinator/a expires on');
  expect(told(Date.now() + 2 * year)[0]).toContain('coordinator/a has expired');
});
