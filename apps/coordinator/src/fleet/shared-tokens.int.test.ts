import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TokenRecord } from '@skein/ports';
import { createHasher, createSecrets } from '@skein/telemetry';
import { createMemoryLog, createMemoryStores, FakeClock } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import type { StartNote } from '../audited-start.ts';
import { readPrivateFile, writePrivateFile } from '../private-files.ts';
import { ensureSharedToken } from './shared-tokens.ts';

const setUp = async () => {
  const clock = new FakeClock();
  const hasher = createHasher();
  const { tokens } = createMemoryStores({ clock, hasher });
  const folder = await mkdtemp(join(tmpdir(), 'skein-tokens-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const notes: StartNote[] = [];
  const audited = async (_action: string, write: () => Promise<StartNote>) => {
    notes.push(await write());
  };
  const deps = { tokens, clock, hasher, secrets: createSecrets(), log: createMemoryLog(), audited };
  const all = (): Promise<readonly TokenRecord[]> => tokens.list('default');
  const path = (name: string) => join(folder, name);
  return { deps, all, path, hasher, clock, tokens, notes };
};
const given = 'skt_given-from-outside-000000';

test('of coordinators that start at once one makes the token, and only its file holds it', async () => {
  const { deps, all, path, hasher, notes } = await setUp();
  await Promise.all(
    ['a', 'b', 'c'].map((name) => ensureSharedToken(deps, { kind: 'api', name: 'admin', path: path(name) })),
  );
  const texts = (await Promise.all(['a', 'b', 'c'].map((name) => readPrivateFile(path(name))))).filter(
    (text) => text !== undefined,
  );
  expect(texts.length).toBe(1);
  expect((await all()).map(({ hash }) => hash)).toEqual([hasher.digest(texts[0] ?? '')]);
  await ensureSharedToken(deps, { kind: 'api', name: 'admin', path: path('d') });
  expect(notes).toEqual([{ target: 'tok_first-api', details: { kind: 'api', name: 'admin' } }]);
});

test('one that is given works on every coordinator, from a variable or a file, and is stored once', async () => {
  const { deps, all, path, hasher, notes } = await setUp();
  await writePrivateFile(path('b'), `${given}\n`);
  await ensureSharedToken(deps, { kind: 'join', name: 'default', given, path: path('a') });
  await ensureSharedToken(deps, { kind: 'join', name: 'default', path: path('b') });
  await ensureSharedToken(deps, { kind: 'join', name: 'default', given, path: path('c') });
  expect(await all()).toMatchObject([{ kind: 'join', hash: hasher.digest(given) }]);
  expect(JSON.stringify([await all(), notes])).not.toContain(given);
  expect(notes).toHaveLength(1);
  expect(await readPrivateFile(path('a'))).toBeUndefined();
});

test('of coordinators that start at once with a given token all find it, with its role', async () => {
  const { deps, all } = await setUp();
  const token = { kind: 'api', name: 'scheduler', role: 'operator', given } as const;
  await Promise.all([1, 2, 3].map(() => ensureSharedToken(deps, token)));
  expect(await all()).toMatchObject([{ kind: 'api', name: 'scheduler', role: 'operator' }]);
  await expect(ensureSharedToken(deps, { kind: 'api', name: 'admin', given })).rejects.toMatchObject({
    code: 'unauthenticated',
  });
});

test('a token without a file is made only when it is given', async () => {
  const { deps, all } = await setUp();
  await ensureSharedToken(deps, { kind: 'api', name: 'scheduler', role: 'operator' });
  expect(await all()).toEqual([]);
});

test('one that was revoked is not made valid again by being given', async () => {
  const { deps, all, path, tokens, clock } = await setUp();
  const token = { kind: 'api', name: 'admin', given, path: path('a') } as const;
  await ensureSharedToken(deps, token);
  await tokens.revoke('default', (await all())[0]?.tokenId ?? '', clock.now());
  await expect(ensureSharedToken(deps, token)).rejects.toMatchObject({ code: 'unauthenticated' });
  await expect(ensureSharedToken(deps, { ...token, kind: 'join' })).rejects.toMatchObject({ code: 'unauthenticated' });
});
