import type { Digest, TenantId } from '@skein/domain';
import type { CollectedSnapshots } from '@skein/ports';
import { sql } from 'kysely';
import { partOf } from '../files/file-part-store.ts';
import type { PartStore } from '../files/part-store.ts';
import { snapshotsLock } from '../sql/locks.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

const maxDigestsPerQuery = 1_000;
/** Removals at the same time. */
const maxRemovals = 8;

interface Stored {
  readonly tenant: TenantId;
  readonly digest: Digest;
}

/*
 * Removes snapshots that nobody needs.
 * C1 Rows first, each snapshot in a commit that looks again: it has no reference and was not used since. An append that pins it is
 *    before, and then there is a reference, or after, and then there is no row.
 * C2 Bytes afterwards, of parts that no row lists and no save holds. A crash between leaves bytes without a row: the first
 *    collection of each process looks through the whole folder for them, and so does one after a failure.
 */
/** See the head of the file. One collection runs at a time. */
export class SnapshotCollector {
  readonly #committer: Committer;
  readonly #queries: Queries;
  readonly #parts: PartStore;
  #last: Promise<unknown> = Promise.resolve();
  #leftovers = true;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries; readonly parts: PartStore }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#parts = deps.parts;
  }

  /** There may be bytes without a row: the next collection looks for them. */
  lookForLeftovers(): void {
    this.#leftovers = true;
  }

  collect(unusedSince: number, limit: number): Promise<CollectedSnapshots> {
    // Infinity is no number of JSON, nor of every database.
    const before = Math.min(unusedSince, Number.MAX_SAFE_INTEGER);
    const collection = this.#last.then(() => this.#collect(before, limit));
    this.#last = collection.catch(() => this.lookForLeftovers());
    return collection;
  }

  async #collect(unusedSince: number, limit: number): Promise<CollectedSnapshots> {
    const unused = await this.#queries
      .selectFrom('snapshot')
      .select(['tenant', 'digest'])
      .where(sql<boolean>`refs = 0`)
      .where('last_used_at', '<', unusedSince)
      .orderBy('last_used_at')
      .limit(limit)
      .execute();
    const parts = await Promise.all(unused.map((snapshot) => this.#partsOf(snapshot)));
    const removed = await Promise.all(unused.map((snapshot) => this.#removeRows(snapshot, unusedSince)));
    const snapshots = unused.filter((_, index) => removed[index]);
    const candidates = parts.flatMap((list, index) => (removed[index] ? list : []));
    return { snapshots, ...(await this.#removeBytes(candidates)) };
  }

  async #partsOf({ tenant, digest }: Stored): Promise<readonly Stored[]> {
    const rows = await this.#queries
      .selectFrom('snapshot_part')
      .select('part_digest')
      .where('tenant', '=', tenant)
      .where('snapshot_digest', '=', digest)
      .execute();
    return rows.map((row) => ({ tenant, digest: row.part_digest }));
  }

  /** C1. True when the snapshot is gone. */
  async #removeRows({ tenant, digest }: Stored, unusedSince: number): Promise<boolean> {
    const stored = this.#queries
      .selectFrom('snapshot')
      .select('digest')
      .where('tenant', '=', tenant)
      .where('digest', '=', digest);
    const remove = this.#queries
      .deleteFrom('snapshot')
      .where('tenant', '=', tenant)
      .where('digest', '=', digest)
      .where(sql<boolean>`refs = 0`)
      .where('last_used_at', '<', unusedSince);
    // A save of the same batch may have stored it again: writes follow all guards.
    const removeParts = this.#queries
      .deleteFrom('snapshot_part')
      .where('tenant', '=', tenant)
      .where('snapshot_digest', '=', digest)
      .where((eb) => eb.not(eb.exists(stored)));
    const outcome = await this.#committer.commit({
      key: tenant,
      locks: [snapshotsLock(tenant, 'exclusive')],
      guards: [{ must: 'change', ...bound(remove), otherwise: bound(stored) }],
      writes: [bound(removeParts)],
    });
    // When the answer was lost and the unit was sent again, there was nothing left to remove.
    return outcome.status === 'done' || outcome.rows.length === 0;
  }

  /** C2 */
  async #removeBytes(candidates: readonly Stored[]): Promise<{ readonly parts: number; readonly bytes: number }> {
    if (candidates.length === 0 && !this.#leftovers) return { parts: 0, bytes: 0 };
    // What fails from here on is looked for again.
    const everything = this.#leftovers;
    this.#leftovers = false;
    const sweep = this.#parts.sweep();
    try {
      const names = everything ? await this.#unlistedFiles() : await this.#unlistedOf(candidates);
      let parts = 0;
      let bytes = 0;
      for (let at = 0; at < names.length; at += maxRemovals) {
        const asked = names.slice(at, at + maxRemovals);
        const sizes = await Promise.all(asked.map((name) => sweep.remove(name)));
        for (const [index, name] of asked.entries()) {
          const size = sizes[index];
          if (size === undefined) continue;
          parts += partOf(name) === name ? 1 : 0;
          bytes += size;
        }
      }
      return { parts, bytes };
    } finally {
      sweep.end();
    }
  }

  async #unlistedFiles(): Promise<readonly string[]> {
    const names = await this.#parts.names();
    const rows = await this.#queries.selectFrom('snapshot_part').select(['tenant', 'part_digest']).distinct().execute();
    const listed = new Set(rows.map((row) => this.#parts.nameOf(row.tenant, row.part_digest)));
    // Beside a part that is listed there may still lie the half of a put that died; the whole has the part's own name.
    return names.filter((name) => partOf(name) !== name || !listed.has(name));
  }

  async #unlistedOf(candidates: readonly Stored[]): Promise<readonly string[]> {
    const byTenant = new Map<TenantId, Set<Digest>>();
    for (const { tenant, digest } of candidates) {
      byTenant.set(tenant, (byTenant.get(tenant) ?? new Set()).add(digest));
    }
    const names: string[] = [];
    for (const [tenant, all] of byTenant) {
      const digests = [...all];
      for (let at = 0; at < digests.length; at += maxDigestsPerQuery) {
        const asked = digests.slice(at, at + maxDigestsPerQuery);
        const listed = await this.#listed(tenant, asked);
        for (const digest of asked) {
          const name = listed.has(digest) ? undefined : this.#parts.nameOf(tenant, digest);
          if (name !== undefined) names.push(name);
        }
      }
    }
    return names;
  }

  async #listed(tenant: TenantId, digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const rows = await this.#queries
      .selectFrom('snapshot_part')
      .select('part_digest')
      .where('tenant', '=', tenant)
      .where('part_digest', 'in', [...digests])
      .execute();
    return new Set(rows.map((row) => row.part_digest));
  }
}
