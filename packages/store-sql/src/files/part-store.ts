import type { Digest, TenantId } from '@skein/domain';
import type { Guard } from '../sql/write-unit.ts';

/** Claims of a save on the parts that it writes. */
export interface PartHold {
  /** Idempotent. */
  release(): void;
}

/** What a sweep may remove. */
export interface PartSweep {
  /**
   * Removes the part and answers its bytes; undefined when there is none, or when something needs it.
   * The caller has read, after the beginning of the sweep, that nothing stored lists the part.
   */
  remove(name: string): Promise<number | undefined>;
  /** Idempotent. */
  end(): void;
}

/** The bytes of the parts of snapshots, apart from all other blobs. */
export interface PartStore {
  /** Holds the parts; none of them is removed before the release, or else `guard` says so. */
  hold(tenant: TenantId, digests: readonly Digest[]): Promise<PartHold>;
  /** Durable when it resolves; bytes that are damaged or gone are written anew. The caller holds the part. */
  put(tenant: TenantId, bytes: Uint8Array): Promise<void>;
  /** Undefined when it is stored nowhere. Throws `digest_mismatch` when all that is stored is damaged. */
  read(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined>;
  /** Under which name a sweep finds the part; undefined for what is no digest. */
  nameOf(tenant: TenantId, digest: Digest): string | undefined;
  /** Names of all that is stored, with what puts that died left behind. */
  names(): Promise<readonly string[]>;
  sweep(): PartSweep;
  /**
   * Where a hold of one process does not bind the others: what must be true when the rows that list the parts are written, under the
   * tenant's lock of snapshots. When it is not, the bytes are put again.
   */
  guard?(tenant: TenantId, digests: readonly Digest[]): Guard;
}
