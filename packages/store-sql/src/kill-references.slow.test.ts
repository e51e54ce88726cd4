import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant as tenant } from '@skein/domain';
import { createSeededRandom } from '@skein/testkit';
import { expect, test } from 'vitest';
import { type DoomedProcess, doomOneByOne, startDoomed } from '../test/doomed-process.ts';
import { openAfterKill } from '../test/open-after-kill.ts';
import { SqlThread } from './thread/sql-thread.ts';

const seed = 20_261_121;
const rounds = 10;

/**
 * The other process: 12 runs at once are admitted with one of 4 snapshots, propose with every append and end, again and again, while
 * everything unused is collected without a pause. Each acknowledged append is printed.
 */
const script = `
  const { runs, snapshots } = await openSqlStores(deps);
  const tenant = 'default';
  const sealedOf = (index) => {
    const parts = new Map(['shared', 'own ' + index].map((text) => [digestOf(text), new TextEncoder().encode(text)]));
    const manifest = { formatVersion: 1, parts: [...parts].map(([digest, { length }], at) => ({ kind: 'soul', name: 's' + at, size: length, digest, askedBy: [] })) };
    return { digest: digestOf(JSON.stringify(manifest)), manifest, parts };
  };
  const note = { type: 'cancel_requested', v: 1, at: 1, by: 'test', reason: 'requested', message: 'x' };
  const live = async (runId, index) => {
    const { digest, manifest, parts } = sealedOf(index);
    const base = { tenant, runId, dag: 'demo', dagDigest: 'd', shard: 0, priority: 0, createdAt: 1, partial: false, snapshotDigest: digest };
    const append = async (seq, status, more) => {
      const proposal = { proposalId: runId + ':' + seq, scope: 'global', op: 'append', text: 't', runId, step: 's', attempt: 1, agentId: 'a', versionId: 'v', at: seq, status: 'pending' };
      const outcome = await runs.append({ tenant, runId, expectedSeq: seq - 1, facts: [note], head: { ...base, status, seq }, proposals: [proposal], ...more });
      if (outcome.status !== 'appended') throw new Error(outcome.status);
      say(runId + ' ' + seq + '\\n');
    };
    const creation = { source: { kind: 'api' }, routingContext: {} };
    for (;;) {
      await snapshots.save(tenant, digest, manifest, parts, 1);
      try {
        await append(1, 'running', { creation, pinsSnapshot: digest });
        break;
      } catch (error) {
        if (error.code !== 'version_conflict') throw error;
      }
    }
    await append(2, 'waiting', {});
    await append(3, 'succeeded', {});
  };
  const lane = async (index) => {
    for (let turn = 0; ; turn += 1) await live(['run', round, index, turn].join('_'), index % 4);
  };
  const collect = async () => {
    for (;;) await snapshots.collect(Number.MAX_SAFE_INTEGER, 10);
  };
  await Promise.all([collect(), ...Array.from({ length: 12 }, (_, index) => lane(index))]);
`;

/** What must be zero in the tables, whatever was cut off. */
const defects: readonly (readonly [string, string])[] = [
  [
    'snapshots whose references are not those of the open heads',
    `select count(*) as defects from snapshot where refs <> (select count(*) from run_head
      where run_head.tenant = snapshot.tenant and snapshot_digest = digest and status in ('queued', 'running', 'waiting'))`,
  ],
  [
    'open heads whose snapshot is gone',
    `select count(*) as defects from run_head where status in ('queued', 'running', 'waiting')
      and not exists (select 1 from snapshot where snapshot.tenant = run_head.tenant and digest = snapshot_digest)`,
  ],
  [
    'snapshots without both of their parts',
    'select count(*) as defects from snapshot where 2 <> (select count(*) from snapshot_part where snapshot_digest = digest)',
  ],
  [
    'listed parts of no snapshot',
    'select count(*) as defects from snapshot_part where not exists (select 1 from snapshot where digest = snapshot_digest)',
  ],
  [
    'runs with another number of proposals than of appends',
    `select count(*) as defects from run_head where seq <> (select count(*) from memory_proposal
      where memory_proposal.tenant = run_head.tenant and memory_proposal.run_id = run_head.run_id)`,
  ],
];

test('after kill -9 at any moment references are exact, no part of an open run is gone, and proposals came with their facts', async () => {
  const random = createSeededRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-kill-references-'));
  const visit = async (doomed: DoomedProcess, round: number): Promise<void> => {
    const place = `round ${round} of seed ${seed}`;
    const { signal, acknowledged } = await doomed.work(random.integer(150));
    expect(signal, place).toBe('SIGKILL');
    expect(acknowledged.size, place).toBeGreaterThan(0);
    const stores = await openAfterKill(dataDir, 8_000 + round);
    for (const [runId, seq] of acknowledged) {
      expect((await stores.runs.readHead(tenant, runId))?.seq, `${runId} in ${place}`).toBeGreaterThanOrEqual(seq);
      const found = await stores.memory.findProposal(tenant, `${runId}:${seq}`);
      expect(found?.runId, `${runId} in ${place}`).toBe(runId);
    }
    for (const digest of await stores.snapshots.listDigests(tenant, 'sha256:', 100)) {
      const manifest = await stores.snapshots.find(tenant, digest);
      for (const part of manifest?.parts ?? []) {
        expect((await stores.snapshots.readPart(tenant, part.digest))?.length, place).toBe(part.size);
      }
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
