import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { codeFlags, packageDir } from '../test/doomed-process.ts';

/**
 * A process whose kernel refuses writes beyond a size of file. The database file is larger than the write-ahead log: first it cannot grow,
 * so that copies of the log fail while appends go on; then the log cannot either. Prints what it saw.
 */
const script = `
  import { execFileSync } from 'node:child_process';
  import { statSync } from 'node:fs';
  import { join } from 'node:path';
  import { setTimeout as delay } from 'node:timers/promises';
  import { openSqlStores } from '@skein/store-sql';
  const [dataDir] = process.argv.slice(1);
  const ignore = () => {};
  const warnings = [];
  const counted = [];
  const deps = {
    dataDir,
    clock: { now: Date.now, monotonicMs: () => performance.now(), after: () => ignore },
    ids: { next: (prefix) => prefix + Math.random() },
    log: { debug: ignore, info: ignore, warn: (message) => warnings.push(message), error: ignore },
    meter: { count: (name) => counted.push(name), gauge: ignore, observe: ignore },
    hasher: { digest: () => 'sha256:' },
  };
  const limit = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':']);
  const tenant = 'default';
  let count = 0;
  const append = async (stores) => {
    count += 1;
    const runId = 'run_' + count;
    const facts = [{ type: 'cancel_requested', v: 1, at: 1, by: 'test', reason: 'requested', message: runId + 'x'.repeat(20_000) }];
    const head = { tenant, runId, dag: 'demo', dagDigest: 'd', status: 'running', seq: 1, shard: 0, priority: 0, createdAt: 1, partial: false };
    await stores.runs.append({ tenant, runId, expectedSeq: 0, facts, head, creation: { source: { kind: 'api' }, routingContext: {} } });
    return runId;
  };
  const acknowledged = [];
  let stores = await openSqlStores(deps);
  for (let index = 0; index < 60; index += 1) acknowledged.push(await append(stores));
  await stores.close();
  stores = await openSqlStores(deps);
  limit(statSync(join(dataDir, 'skein.db')).size);
  acknowledged.push(await append(stores));
  while (warnings.length === 0) await delay(20);
  const copies = { warning: warnings[0], counted: counted[0] };
  acknowledged.push(await append(stores), await append(stores));
  const refused = [];
  let failure;
  while (failure === undefined) {
    const before = count;
    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => append(stores)));
    for (const [index, { status, reason }] of settled.entries()) {
      (status === 'fulfilled' ? acknowledged : refused).push('run_' + (before + index + 1));
      if (status === 'rejected') failure = { code: reason.code, reason: reason.details?.reason, sqlite: reason.details?.sqlite };
    }
  }
  const probe = await stores.runs.probeWrite().then(() => 'written', (error) => error.details?.reason);
  const visible = async () => {
    const lost = [];
    for (const runId of acknowledged) if ((await stores.runs.readFacts(tenant, runId, 0)).length !== 1) lost.push(runId);
    for (const runId of refused) if ((await stores.runs.readHead(tenant, runId)) !== undefined) lost.push('ghost ' + runId);
    return lost;
  };
  const during = await visible();
  limit('unlimited');
  await stores.runs.probeWrite();
  acknowledged.push(await append(stores));
  await stores.close();
  stores = await openSqlStores(deps);
  const after = await visible();
  await stores.close();
  console.log(JSON.stringify({ copies, failure, probe, refused: refused.length, during, after }));
`;

/** True where the kernel's limits can be set from outside. */
const limits = spawnSync('prlimit', ['--version']).status === 0;

test.skipIf(!limits)(
  'when the kernel refuses writes, copies of the log fail aloud, appends are refused with io_error, nothing is lost, and it goes on [crash 22]',
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'skein-disk-'));
    const args = [...codeFlags, '--input-type=module', '-e', script, dataDir];
    const { stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: packageDir,
      encoding: 'utf8',
      timeout: 110_000,
    });
    expect(stdout, stderr).not.toBe('');
    const report = JSON.parse(stdout) as { readonly refused: number };
    expect(report).toMatchObject({
      copies: {
        warning: 'the write-ahead log could not be copied into the database file',
        counted: 'skein_store_wal_checkpoint_failures_total',
      },
      failure: { code: 'unavailable' },
      during: [],
      after: [],
    });
    // Some file systems say that the disk is full.
    expect(report).toEqual(expect.objectContaining({ probe: expect.stringMatching(/^(?:io_error|disk_full)$/) }));
    expect(report.refused).toBeGreaterThan(0);
    await rm(dataDir, { recursive: true, force: true });
  },
);
