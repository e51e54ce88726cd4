import { chmod, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import { expect, onTestFinished, test } from 'vitest';
import type { AuditedStart } from './audited-start.ts';
import { ensureToken } from './first-tokens.ts';
import { readPrivateFile, writePrivateFile } from './private-files.ts';

const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-private-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

/** Tokens in memory. */
const createTokens = () => {
  const known = new Set<string>();
  return {
    known,
    createToken: async (_tenant: string, kind: 'api' | 'join', name: string) => {
      const token = `t${known.size + 1}`;
      known.add(token);
      return { token, view: { tokenId: token, kind, name, createdAt: '' } };
    },
    authenticate: async (token: string) => {
      if (!known.has(token)) throw new DomainError('unauthenticated', 'no');
      return { tenant: 'default', tokenId: token, name: '', role: 'admin' as const };
    },
  };
};

const audited: AuditedStart = async (_action, write) => {
  await write();
};

test('a private file is for its owner only, replaces what was there, and leaves nothing beside it', async () => {
  const dir = await folder();
  const path = join(dir, 'deep', 'token');
  await writePrivateFile(path, 'one\n');
  await writePrivateFile(path, 'two\n');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readPrivateFile(path)).toBe('two');
  expect(await readdir(join(dir, 'deep'))).toEqual(['token']);
});

test('whoever reads a private file while it is replaced reads all of the old text', async () => {
  const path = join(await folder(), 'token');
  await writePrivateFile(path, 'one\n');
  const reader = await open(path);
  await writePrivateFile(path, 'two\n');
  expect(await reader.readFile('utf8')).toBe('one\n');
  await reader.close();
});

test('the first start makes a token, later ones keep it', async () => {
  const path = join(await folder(), 'admin-token');
  const tokens = createTokens();
  await ensureToken(tokens, audited, 'api', 'admin', path);
  await ensureToken(tokens, audited, 'api', 'admin', path);
  expect(tokens.known.size).toBe(1);
  expect(await readPrivateFile(path)).toBe('t1');
});

test('a token file that others could read is closed to them', async () => {
  const path = join(await folder(), 'admin-token');
  const tokens = createTokens();
  await ensureToken(tokens, audited, 'api', 'admin', path);
  await chmod(path, 0o644);
  await ensureToken(tokens, audited, 'api', 'admin', path);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a token that does not work is not replaced in silence', async () => {
  const path = join(await folder(), 'admin-token');
  await writeFile(path, 'revoked\n');
  await expect(ensureToken(createTokens(), audited, 'api', 'admin', path)).rejects.toMatchObject({
    code: 'unauthenticated',
  });
});
