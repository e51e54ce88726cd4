import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { runCommand } from '../../test/capture.ts';
import { scriptedApi } from '../../test/scripted-api.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'skein-certs-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const certs = (...args: string[]) => runCommand(['certs', ...args], { cwd });
const modeOf = (name: string): number => statSync(join(cwd, 'certs', name)).mode & 0o777;

describe('skein certs', () => {
  test('makes an authority and certificates, with keys for their owner only', async () => {
    expect((await certs('init')).code).toBe(0);
    const issued = await certs(
      'issue',
      'coordinator',
      'alpha',
      '--host',
      'a.example,10.0.0.1',
      '--days',
      '30',
      '--json',
    );
    expect(JSON.parse(issued.out)).toMatchObject({
      names: 'coordinator/alpha',
      hosts: expect.arrayContaining(['a.example', '10.0.0.1', 'localhost', '127.0.0.1']),
      trusted: true,
    });
    expect((await certs('issue', 'worker', 'w1')).code).toBe(0);
    for (const name of ['ca.key', 'coordinator-alpha.key', 'worker-w1.key']) expect(modeOf(name)).toBe(0o600);
    const shown = JSON.parse((await certs('show', '--json')).out) as {
      items: { names: string; serialNumber: string }[];
    };
    expect(shown.items.map(({ names }) => names)).toEqual(['authority', 'coordinator/alpha', 'worker/w1']);
    expect(new Set(shown.items.map(({ serialNumber }) => serialNumber)).size).toBe(3);
  });

  test('never writes over a file, and says what is missing', async () => {
    const early = await certs('issue', 'worker', 'w1');
    expect(early.code).toBe(2);
    expect(early.err).toContain('skein certs init');
    await certs('init');
    const key = readFileSync(join(cwd, 'certs/ca.key'), 'utf8');
    expect((await certs('init')).err).toContain('already_exists');
    expect(readFileSync(join(cwd, 'certs/ca.key'), 'utf8')).toBe(key);
    await certs('issue', 'worker', 'w1');
    rmSync(join(cwd, 'certs/worker-w1.pem'));
    expect((await certs('issue', 'worker', 'w1')).err).toContain('worker-w1.key exists already');
    expect((await certs('issue', 'worker', 'w1', '--out', 'renewed')).code).toBe(0);
  });

  test('refuses names, hosts and lifetimes that make no good certificate', async () => {
    await certs('init', '--days', '40');
    for (const args of [
      ['worker', '../w1'],
      ['worker', 'a:b'],
      ['worker', 'w1', '--host', 'a.example'],
      ['coordinator', 'a', '--host', 'not a host'],
      ['coordinator', 'a', '--days', '41'],
      ['coordinator', 'a', '--days', '900'],
      ['admin', 'a'],
    ])
      expect((await certs('issue', ...args)).code).toBe(2);
    writeFileSync(join(cwd, 'certs/ca.key'), 'nonsense');
    expect((await certs('issue', 'worker', 'w1')).err).toContain('no authority that can be used');
  });
});

test('a join token takes its limits from flags, and shows them in the list', async () => {
  const listed = { tokenId: 'tok_1', kind: 'join', name: 'workers', labels: { pool: 'gpu' }, maxUses: 10, uses: 3 };
  const api = await scriptedApi({
    'POST /api/tokens': { ...listed, token: 'skt_x', createdAt: '2026-01-01T00:00:00.000Z' },
    'GET /api/tokens': { items: [{ ...listed, createdAt: '2026-01-01T00:00:00.000Z' }], nextCursor: null },
  });
  onTestFinished(() => api.close());
  const flags = ['--label', 'pool=gpu', '--label', 'zone=*', '--expires', '24h', '--max-uses', '10'];
  expect(await api.skein('tokens', 'create', '--join', ...flags)).toMatchObject({ code: 0, out: 'skt_x\n' });
  expect(api.asked[0]?.body).toEqual({
    kind: 'join',
    name: 'workers',
    ttlMs: 86_400_000,
    labels: { pool: 'gpu', zone: '*' },
    maxUses: 10,
  });
  expect((await api.skein('tokens')).out).toContain('pool=gpu 3/10 uses');
  for (const wrong of [
    ['--expires', 'soon'],
    ['--label', 'pool'],
    ['--max-uses', '0'],
    ['--role', 'viewer'],
  ])
    expect((await api.skein('tokens', 'create', '--join', ...wrong)).code).toBe(2);
  expect((await api.skein('tokens', 'create')).code).toBe(2);
});

test('skein up stays on one machine, unless told that the network is yours', async () => {
  for (const address of [
    ['--http', '0.0.0.0:7420'],
    ['--grpc', '[::]:7421'],
    ['--http', '127.0.0.1.evil.example:1'],
  ]) {
    const said = await runCommand(['up', ...address], { cwd });
    expect(said.code).toBe(2);
    expect(said.err).toContain('skein certs init');
  }
});
