import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defaultTenant } from '@skein/domain';
import { createMemoryLog, createNodeHasher, createSeededRandom, createSequenceIds, FakeClock } from '@skein/testkit';
import { expect, test } from 'vitest';
import { openSqlStores } from './open-sql-stores.ts';

const seed = 20_261_120;
const rounds = 20;
const packageDir = fileURLToPath(new URL('..', import.meta.url));

/** The other process: 20 runs at once grow by one or two facts per append; each acknowledged append is printed. */
const child = `
  import { writeSync } from 'node:fs';
  import { openSqlStores } from '@skein/store-sql';
  import { createHash } from 'node:crypto';
  const [dataDir, round] = process.argv.slice(1);
  const ignore = () => {};
  // The pipe is full while the parent is busy: an acknowledgement is said again until it is taken.
  const say = (line) => {
    for (;;) {
      try {
        writeSync(1, line);
        return;
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  };
  let count = 0;
  const { runs } = await openSqlStores({
    dataDir,
    clock: { now: Date.now, monotonicMs: () => performance.now(), after: () => ignore },
    ids: { next: (prefix) => [prefix, round, (count += 1)].join('_') },
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    hasher: { digest: (bytes) => 'sha256:' + createHash('sha256').update(bytes).digest('hex') },
  });
  const note = (message) => ({ type: 'cancel_requested', v: 1, at: 1, by: 'test', reason: 'requested', message });
  const tenant = 'default';
  const grow = async (runId) => {
    const facts = (from, count) => Array.from({ length: count }, (_, index) => note(runId + ' ' + (from + index + 1)));
    const first = { tenant, runId, dag: 'demo', dagDigest: 'd', status: 'running', seq: 1, shard: 0, priority: 0, createdAt: 1, partial: false };
    const creation = { source: { kind: 'api' }, routingContext: {} };
    let request = { tenant, runId, expectedSeq: 0, facts: facts(0, 1), head: first, creation };
    for (let turn = 0; ; turn += 1) {
      const outcome = await runs.append(request);
      if (outcome.status !== 'appended') throw new Error(outcome.status);
      say(runId + ' ' + request.head.seq + '\\n');
      const { seq } = request.head;
      const more = facts(seq, 1 + (turn % 2));
      const head = { ...first, seq: seq + more.length, dueAt: turn };
      request = { tenant, runId, expectedSeq: seq, facts: more, head };
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, index) => grow('run_' + round + '_' + index)));
`;

/** Appends in another process until it is killed; answers the last sequence number that it acknowledged, by run. */
const appendUntilKilled = async (dataDir: string, round: number, livesMs: number): Promise<Map<string, number>> => {
  const args = [
    '--conditions',
    'skein-source',
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    child,
    dataDir,
    String(round),
  ];
  const appender = spawn(process.execPath, args, { cwd: packageDir, stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged = new Map<string, number>();
  const lines = createInterface({ input: appender.stdout });
  let doomed: Promise<unknown> | undefined;
  lines.on('line', (line) => {
    const [runId, seq] = line.split(' ');
    acknowledged.set(runId as string, Number(seq));
    doomed ??= delay(livesMs).then(() => appender.kill('SIGKILL'));
  });
  const closed = once(lines, 'close');
  const [, signal] = await once(appender, 'exit');
  await closed;
  expect(signal, `round ${round}`).toBe('SIGKILL');
  return acknowledged;
};

test('after kill -9 at any moment every acknowledged append is there and no log has a gap', async () => {
  const random = createSeededRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-kill-'));
  const promised = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1) {
    const acknowledged = await appendUntilKilled(dataDir, round, random.integer(120));
    for (const [runId, seq] of acknowledged) promised.set(runId, seq);
    expect(acknowledged.size, `round ${round} of seed ${seed}`).toBeGreaterThan(0);
    const stores = await openSqlStores({
      dataDir,
      clock: new FakeClock(),
      ids: createSequenceIds(9_000 + round),
      log: createMemoryLog(),
      hasher: createNodeHasher(),
    });
    for (const [runId, seq] of promised) {
      const facts = await stores.runs.readFacts(defaultTenant, runId, 0);
      const head = await stores.runs.readHead(defaultTenant, runId);
      const place = `${runId} in round ${round} of seed ${seed}`;
      expect(facts.length, place).toBeGreaterThanOrEqual(seq);
      expect(head?.seq, place).toBe(facts.length);
      expect(
        facts.map((fact) => ('message' in fact ? fact.message : '')),
        place,
      ).toEqual(facts.map((_, index) => `${runId} ${index + 1}`));
    }
    await stores.close();
  }
  await rm(dataDir, { recursive: true, force: true });
}, 180_000);
