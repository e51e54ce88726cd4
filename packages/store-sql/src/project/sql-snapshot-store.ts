import { type Digest, DomainError, type Manifest, type TenantId } from '@skein/domain';
import type { CollectedSnapshots, Hasher, SnapshotStore } from '@skein/ports';
import { sql } from 'kysely';
import type { PartStore } from '../files/part-store.ts';
import { snapshotsLock } from '../sql/locks.ts';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer, Guard, Write } from '../sql/write-unit.ts';
import { SnapshotCollector } from './snapshot-collector.ts';

const maxRowsPerStatement = 1_000;
const maxAttempts = 10;

/** What the snapshot store works with. */
export interface SqlSnapshotStoreDeps {
  readonly committer: Committer;
  readonly queries: Queries;
  readonly parts: PartStore;
  readonly hasher: Hasher;
}

/** Manifests, their parts and the references to them in SQL; the bytes of parts beside them, shared between snapshots. */
export class SqlSnapshotStore implements SnapshotStore {
  readonly #deps: SqlSnapshotStoreDeps;
  readonly #collector: SnapshotCollector;

  constructor(deps: SqlSnapshotStoreDeps) {
    this.#deps = deps;
    this.#collector = new SnapshotCollector(deps);
  }

  async save(
    tenant: TenantId,
    digest: Digest,
    manifest: Manifest,
    parts: ReadonlyMap<Digest, Uint8Array>,
    at: number,
  ): Promise<void> {
    const wanted = this.#check(manifest, parts);
    const hold = await this.#deps.parts.hold(tenant, [...wanted.keys()]);
    try {
      for (let attempt = 1; ; attempt += 1) {
        // Bytes first: a manifest never names bytes that are not on disk. A snapshot that is stored has its bytes repaired.
        await Promise.all([...wanted.values()].map((bytes) => this.#deps.parts.put(tenant, bytes)));
        if (await this.#writeRows(tenant, digest, manifest, at)) break;
        // The collection of another process removed a part between the two.
        if (attempt === maxAttempts)
          throw new DomainError('unavailable', 'the parts of the snapshot do not stay', { digest });
      }
    } catch (error) {
      this.#collector.lookForLeftovers();
      throw error;
    } finally {
      hold.release();
    }
  }

  async find(tenant: TenantId, digest: Digest): Promise<Manifest | undefined> {
    const row = await this.#deps.queries
      .selectFrom('snapshot')
      .select('manifest')
      .where('tenant', '=', tenant)
      .where('digest', '=', digest)
      .executeTakeFirst();
    return row === undefined ? undefined : (JSON.parse(row.manifest) as Manifest);
  }

  async listDigests(tenant: TenantId, prefix: string, limit: number): Promise<readonly Digest[]> {
    const rows = await this.#deps.queries
      .selectFrom('snapshot')
      .select('digest')
      .where('tenant', '=', tenant)
      .where('digest', '>=', prefix)
      // Digests are lower-case hex: this is past all that begin with the prefix.
      .where('digest', '<', `${prefix}~`)
      .orderBy('digest')
      .limit(limit)
      .execute();
    return rows.map((row) => row.digest);
  }

  readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    return this.#deps.parts.read(tenant, digest);
  }

  collect(unusedSince: number, limit: number): Promise<CollectedSnapshots> {
    return this.#collector.collect(unusedSince, limit);
  }

  /** The bytes of each part, once. */
  #check(manifest: Manifest, parts: ReadonlyMap<Digest, Uint8Array>): ReadonlyMap<Digest, Uint8Array> {
    const wanted = new Map<Digest, Uint8Array>();
    for (const { digest } of manifest.parts) {
      const bytes = parts.get(digest);
      if (bytes === undefined) {
        throw new DomainError('invalid_argument', 'a part of the manifest has no bytes', { digest });
      }
      if (this.#deps.hasher.digest(bytes) !== digest) {
        throw new DomainError('digest_mismatch', 'a part does not match its digest', { digest });
      }
      wanted.set(digest, bytes);
    }
    return wanted;
  }

  /** Safe to repeat. A snapshot that is stored is used now; its references stay as they are counted. False when bytes are gone. */
  async #writeRows(tenant: TenantId, digest: Digest, manifest: Manifest, at: number): Promise<boolean> {
    const { committer, queries, parts } = this.#deps;
    const insert = queries
      .insertInto('snapshot')
      .values({ tenant, digest, manifest: JSON.stringify(manifest), refs: 0, last_used_at: at })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'digest'])
          .doUpdateSet((eb) => ({ last_used_at: eb.ref('excluded.last_used_at') }))
          .where(sql<boolean>`snapshot.last_used_at < excluded.last_used_at`),
      );
    const sizes = new Map(manifest.parts.map((part) => [part.digest, part.size]));
    const rows = [...sizes].map(([part, size]) => ({ tenant, snapshot_digest: digest, part_digest: part, size }));
    const writes: Write[] = [bound(insert)];
    for (let from = 0; from < rows.length; from += maxRowsPerStatement) {
      const list = queries
        .insertInto('snapshot_part')
        .values(rows.slice(from, from + maxRowsPerStatement))
        .onConflict((conflict) => conflict.doNothing());
      writes.push(bound(list));
    }
    const guard = parts.guard?.(tenant, [...sizes.keys()]);
    const outcome = await committer.commit({
      key: tenant,
      locks: [snapshotsLock(tenant, 'shared')],
      // With a guard the rows are written among the guards: those of a removal in the same batch see them, or are seen.
      guards: guard === undefined ? [] : [guard, ...writes.map((write): Guard => ({ must: 'run', ...write }))],
      writes: guard === undefined ? writes : [],
    });
    return outcome.status === 'done';
  }
}
