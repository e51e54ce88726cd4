import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandom } from '@skein/testkit';
import { expect, test } from 'vitest';
import { type DoomedProcess, doomOneByOne, startDoomed } from '../test/doomed-process.ts';
import { openAfterKill } from '../test/open-after-kill.ts';
import { SqlThread } from './thread/sql-thread.ts';

const seed = 20_261_124;
const rounds = 8;
const tenants = ['a', 'b'];

/**
 * The other process: in two tenants, runs give up a message with each append, events come without facts, letters are settled, and the
 * beginning of the stream is removed. What was acknowledged is printed: `event TENANT ITEM`.
 */
const script = `
  const { runs, delivery } = await openSqlStores(deps);
  const note = { type: 'cancel_requested', v: 1, at: 1, by: 'test', reason: 'requested', message: 'x' };
  const event = (tenant, itemId, kind) => ({ tenant, kind, at: 1, itemId, runId: 'r', step: 's', reason: 'step_finished' });
  const grow = async (tenant, lane) => {
    const runId = ['run', tenant, round, lane].join('_');
    const first = { tenant, runId, dag: 'demo', dagDigest: 'd', status: 'running', shard: 0, priority: 0, createdAt: 1, partial: false };
    for (let seq = 1; ; seq += 1) {
      const id = runId + '.' + seq;
      const letter = { id, tenant, kind: 'message', runId, step: 's', dag: 'demo', reason: 'recipient_gone', transportAttempts: 0,
        executionAttempts: 0, applicationFailures: 0, at: 1, history: [], body: 'text', status: 'open' };
      const creation = seq === 1 ? { creation: { source: { kind: 'api' }, routingContext: {} } } : {};
      const outcome = await runs.append({ tenant, runId, expectedSeq: seq - 1, facts: [note], head: { ...first, seq }, ...creation,
        deadLetters: [letter], events: [event(tenant, id, 'dead_lettered')] });
      if (outcome.status !== 'appended') throw new Error(outcome.status);
      say(id + ' 1\\n');
      if (seq % 3 === 0) {
        if (!(await delivery.settleDeadLetter(tenant, id, { status: 'purged', at: 2, by: 'x' }, event(tenant, id, 'purged')))) throw new Error(id);
        say(id + ' 2\\n');
      }
    }
  };
  const tell = async (tenant) => {
    for (let turn = 1; ; turn += 1) {
      const id = ['told', tenant, round, turn].join('_');
      await delivery.appendEvents([event(tenant, id, 'rejected')]);
      say(id + ' 1\\n');
    }
  };
  const prune = async () => {
    for (;;) await delivery.pruneEvents(0, 1_000);
  };
  await Promise.all([prune(), ...['a', 'b'].flatMap((tenant) => [tell(tenant), ...[0, 1, 2, 3].map((lane) => grow(tenant, lane))])]);
`;

/** What must be zero in the tables, whatever was cut off. */
const defects: readonly (readonly [string, string])[] = [
  [
    'holes in the numbers of a tenant, or behind what was removed',
    `select count(*) as defects from delivery_event as one where seq > 1
      and not exists (select 1 from delivery_event as before where before.tenant = one.tenant and before.seq = one.seq - 1)
      and seq <> 1 + coalesce((select pruned_seq from delivery_gap where delivery_gap.tenant = one.tenant), 0)`,
  ],
  [
    'events that are there and are said to be gone',
    'select count(*) as defects from delivery_event natural join delivery_gap where seq <= pruned_seq',
  ],
  [
    'events that were stored twice',
    'select count(*) as defects from (select 1 from delivery_event group by tenant, item_id, kind having count(*) > 1)',
  ],
  [
    'runs with another number of letters than of appends',
    `select count(*) as defects from run_head where seq <> (select count(*) from dead_letter
      where dead_letter.tenant = run_head.tenant and dead_letter.run_id = run_head.run_id)`,
  ],
  [
    'purged letters that kept their text',
    `select count(*) as defects from dead_letter where (status = 'purged') = (letter like '%"body"%')`,
  ],
];

test('after kill -9 at any moment events have no holes, letters came with their facts, and what was acknowledged is there or in a gap', async () => {
  const random = createSeededRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-kill-delivery-'));
  const visit = async (doomed: DoomedProcess, round: number): Promise<void> => {
    const place = `round ${round} of seed ${seed}`;
    const { signal, acknowledged } = await doomed.work(random.integer(150));
    expect(signal, place).toBe('SIGKILL');
    expect(acknowledged.size, place).toBeGreaterThan(0);
    const stores = await openAfterKill(dataDir, 8_500 + round);
    const told = new Map<string, number>();
    let removed = 0;
    for (const tenant of tenants) {
      let [cursor, before] = [0, -1];
      while (cursor !== before) {
        before = cursor;
        const { items, gap, next } = await stores.delivery.readEvents(tenant, cursor, 500);
        if (gap !== undefined) removed += gap.to - gap.from + 1;
        for (const { itemId } of items) told.set(itemId, (told.get(itemId) ?? 0) + 1);
        cursor = next;
      }
    }
    for (const [id, count] of acknowledged) {
      const [, tenant = ''] = id.split('_');
      if (removed === 0) expect(told.get(id), `${id} in ${place}`).toBeGreaterThanOrEqual(count);
      if (!id.startsWith('run')) continue;
      const letter = await stores.delivery.readDeadLetter(tenant, id);
      expect(letter?.id, `${id} in ${place}`).toBe(id);
      if (count === 2) expect(letter?.status, `${id} in ${place}`).toBe('purged');
    }
    await stores.close();
    const thread = await SqlThread.open({ path: join(dataDir, 'skein.db'), mode: 'reader' });
    for (const [what, sql] of defects)
      expect((await thread.query(sql, [])).rows, `${what}: ${place}`).toEqual([{ defects: 0 }]);
    await thread.close();
  };
  await doomOneByOne(rounds, (round) => startDoomed(script, dataDir, round), visit);
  await rm(dataDir, { recursive: true, force: true });
});
