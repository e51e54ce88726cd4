import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant } from '@skein/domain';
import { createSeededRandom } from '@skein/testkit';
import { expect, test } from 'vitest';
import { doomOneByOne, startDoomed } from '../test/doomed-process.ts';
import { openAfterKill } from '../test/open-after-kill.ts';
import type { SqlStores } from './open-sql-stores.ts';

const seed = 20_261_120;
const rounds = 20;

/** The other process: 20 runs at once grow by one or two facts per append; each acknowledged append is printed. */
const script = `
  const { runs } = await openSqlStores(deps);
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

/** Every acknowledged append is there, and the log of its run has no gap. */
const check = async ({ runs }: SqlStores, promised: ReadonlyMap<string, number>, when: string): Promise<void> => {
  for (const [runId, seq] of promised) {
    const facts = await runs.readFacts(defaultTenant, runId, 0);
    const head = await runs.readHead(defaultTenant, runId);
    const place = `${runId} ${when}`;
    expect(facts.length, place).toBeGreaterThanOrEqual(seq);
    expect(head?.seq, place).toBe(facts.length);
    expect(
      facts.map((fact) => ('message' in fact ? fact.message : '')),
      place,
    ).toEqual(facts.map((_, index) => `${runId} ${index + 1}`));
  }
};

test('after kill -9 at any moment every acknowledged append is there and no log has a gap', async () => {
  const random = createSeededRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-kill-'));
  const promised = new Map<string, number>();
  const visitStores = async (round: number, visit: (stores: SqlStores) => Promise<void>): Promise<void> => {
    const stores = await openAfterKill(dataDir, 9_000 + round);
    await visit(stores);
    await stores.close();
  };
  await doomOneByOne(
    rounds,
    (round) => startDoomed(script, dataDir, round),
    async (doomed, round) => {
      const when = `in round ${round} of seed ${seed}`;
      const { signal, acknowledged } = await doomed.work(random.integer(120));
      expect(signal, when).toBe('SIGKILL');
      expect(acknowledged.size, when).toBeGreaterThan(0);
      for (const [runId, seq] of acknowledged) promised.set(runId, seq);
      await visitStores(round, (stores) => check(stores, acknowledged, when));
    },
  );
  // What earlier rounds were promised outlived all later kills.
  await visitStores(rounds, (stores) => check(stores, promised, `after all rounds of seed ${seed}`));
  await rm(dataDir, { recursive: true, force: true });
}, 600_000);
