import { type Digest, DomainError, type TenantId } from '@skein/domain';
import type { Hasher } from '@skein/ports';
import type { Queries } from '../sql/schema.ts';
import type { PgConnection } from './pg-connection.ts';
import type { PgStatement } from './pg-statement.ts';
import type { SidePool } from './side-connection.ts';

/*
 * Content-addressed bytes in pieces.
 * B1 The row that names a blob is committed together with all of its pieces, so that what is named is whole.
 * B2 Bytes leave only after they were checked against their name.
 * B3 A put of what is stored looks whether it is still whole, and writes it anew when it is not.
 */

/** What the bytes are for: parts of snapshots are collected, other blobs stay. */
export type BytesKind = 'blob' | 'part';

/** Of one piece. */
const chunkBytes = 256 * 1024;
/** Pieces that travel together. */
const chunksPerTrip = 16;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** What the bytes are kept with. */
export interface PgBytesDeps {
  readonly kind: BytesKind;
  /** For writes. */
  readonly pool: SidePool;
  /** For reads. */
  readonly queries: Queries;
  readonly hasher: Hasher;
}

/** See the head of the file. */
export class PgBytes {
  readonly #deps: PgBytesDeps;
  /** Puts under way, so that equal bytes are written once. */
  readonly #puts = new Map<string, Promise<void>>();

  constructor(deps: PgBytesDeps) {
    this.#deps = deps;
  }

  /** Durable when it resolves. */
  async put(tenant: TenantId, bytes: Uint8Array): Promise<Digest> {
    const digest = this.#deps.hasher.digest(bytes);
    if (!isDigest(digest)) throw new DomainError('internal', 'the hasher gave no digest');
    const name = `${tenant}\u0000${digest}`;
    let put = this.#puts.get(name);
    if (put === undefined) {
      put = this.#deps.pool
        .work((connection) => this.#write(connection, tenant, digest, bytes))
        .finally(() => this.#puts.delete(name));
      this.#puts.set(name, put);
    }
    await put;
    return digest;
  }

  /** Undefined when there is none. Throws `digest_mismatch` when it is damaged. */
  async read(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    const size = await this.size(tenant, digest);
    if (size === undefined) return undefined;
    const bytes = new Uint8Array(size);
    const count = Math.ceil(size / chunkBytes);
    for (let from = 0; from < count; from += chunksPerTrip) {
      for (const row of await this.#chunks(tenant, digest, from)) {
        const chunk = new Uint8Array(row.bytes);
        const at = row.seq * chunkBytes;
        if (at + chunk.length <= size) bytes.set(chunk, at);
      }
    }
    if (this.#deps.hasher.digest(bytes) === digest) return bytes; // B2
    // It may have been removed between two reads.
    if ((await this.size(tenant, digest)) === undefined) return undefined;
    throw new DomainError('digest_mismatch', 'the stored bytes are damaged', { digest });
  }

  /** In bytes; undefined when there is none. */
  async size(tenant: TenantId, digest: Digest): Promise<number | undefined> {
    if (!isDigest(digest)) return undefined;
    const row = await this.#deps.queries
      .selectFrom('blob')
      .select('size')
      .where('kind', '=', this.#deps.kind)
      .where('tenant', '=', tenant)
      .where('digest', '=', digest)
      .executeTakeFirst();
    return row === undefined ? undefined : Number(row.size);
  }

  #chunks(tenant: TenantId, digest: Digest, from: number) {
    return this.#deps.queries
      .selectFrom('blob_chunk')
      .select(['seq', 'bytes'])
      .where('kind', '=', this.#deps.kind)
      .where('tenant', '=', tenant)
      .where('digest', '=', digest)
      .where('seq', '>=', from)
      .where('seq', '<', from + chunksPerTrip)
      .orderBy('seq')
      .execute();
  }

  /** B1, B3. Safe to repeat. */
  async #write(connection: PgConnection, tenant: TenantId, digest: Digest, bytes: Uint8Array): Promise<void> {
    const { kind } = this.#deps;
    const key = [kind, tenant, digest] as const;
    const whole = await connection.query({ name: 'b-whole', sql: wholeSql, params: [...key, bytes.length] });
    if (whole.count > 0) return;
    const row: PgStatement = {
      name: 'b-row',
      sql: `insert into blob (kind, tenant, digest, size) values ($1, $2, $3, $4)
        on conflict (kind, tenant, digest) do update set size = excluded.size`,
      params: [...key, bytes.length],
    };
    // The row first: two that put the same at once wait for one another there, not piece by piece.
    let statements: PgStatement[] = [{ sql: 'begin', params: [] }, row];
    for (let seq = 0; seq * chunkBytes < bytes.length; seq += 1) {
      statements.push({
        name: 'b-chunk',
        sql: `insert into blob_chunk (kind, tenant, digest, seq, bytes) values ($1, $2, $3, $4, $5)
          on conflict (kind, tenant, digest, seq) do update set bytes = excluded.bytes`,
        params: [...key, seq, Buffer.from(bytes.subarray(seq * chunkBytes, (seq + 1) * chunkBytes))],
      });
      if (statements.length <= chunksPerTrip) continue;
      await connection.trip(statements);
      statements = [];
    }
    await connection.trip([...statements, { sql: 'commit', params: [] }]);
  }
}

/** Whether a blob is stored and whole; the bytes of one that is not small stay in the database only so that they need not travel. */
const wholeSql = `select 1 as whole from blob where kind = $1 and tenant = $2 and digest = $3 and size = $4 and (
  select 'sha256:' || encode(sha256(coalesce(string_agg(bytes, ''::bytea order by seq), ''::bytea)), 'hex')
  from blob_chunk where kind = $1 and tenant = $2 and digest = $3) = $3`;

/** False for what names no bytes. */
export const isDigest = (digest: string): boolean => digestPattern.test(digest);
