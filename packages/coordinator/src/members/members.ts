import type { TenantId } from '@skein/domain';
import type { MemberRow } from '@skein/ports';

/** What of a tenant changed, so that caches of it are worth nothing. */
export type ChangedThing = 'project' | 'tokens' | 'rollouts';

/** Where a shard is at home: here, at another coordinator, or, undefined, at nobody that is known now. */
export type HomeOfShard = 'here' | { readonly coordinatorId: string } | undefined;

/** Who belongs to the fleet, and what of it is this coordinator's to do. On one coordinator all of it is. */
export interface Members {
  /** More than one coordinator may work on these stores. */
  readonly isFleet: boolean;
  /** This process, unlike any other; empty without a fleet. */
  readonly incarnation: string;
  /** This coordinator is about to leave: it gives its shards away and takes none. */
  readonly isLeaving: boolean;
  /** Why the store could not be asked of late, for people; undefined while it answers. */
  readonly storeTrouble: string | undefined;
  /** Facts that this coordinator can evolve, as `TYPE@VERSION`. */
  readonly knownFacts: ReadonlySet<string>;
  /** The others that are alive, as of the last look. */
  readonly live: readonly MemberRow[];
  /** As of the last look. What is at home here is true as long as leases hold; what is elsewhere is a hint. */
  homeOf(shard: number): HomeOfShard;
  /** The shard is at home here, and its open runs have been read. */
  isReady(shard: number): boolean;
  /** The epoch under which the shard is at home here. */
  epochOf(shard: number): number | undefined;
  /** Of work that one coordinator should do: it is this one's. It must stay safe when, for a moment, two do it. */
  hasDuty(key: string): boolean;
  /** Every live member can evolve facts of this type, in the version that this build writes. */
  mayWrite(factType: string): boolean;
  /** The link to a member broke: it is looked at now. */
  suspect(coordinatorId: string): void;
  /** Something changed among the others: who is there, or who is home to what. */
  lookNow(): void;
  /** A member says which shards it is home to, and drives: fresher than the last look. Absolute. */
  heardHomes(coordinatorId: string, shards: readonly { readonly shard: number; readonly epoch: number }[]): void;
  /** A run of this shard, which is at home here, holds a fact that is not known here: a member that may know it should have it. */
  cannotDrive(shard: number): void;
  /** Calls when members or homes changed; the returned function ends it. Listeners must not throw. */
  onChange(listener: () => void): () => void;
  /** Forgets what caches hold of the tenant, because another coordinator changed it. */
  invalidate(tenant: TenantId, what: ChangedThing): void;
  /** Says that this coordinator changed it: whoever listens tells the others. */
  changed(tenant: TenantId, what: ChangedThing): void;
  /** Calls when this coordinator changed something; the returned function ends it. */
  onChanged(listener: (tenant: TenantId, what: ChangedThing) => void): () => void;
  /**
   * Joins: the first look, and shards of its own when there are any to take. Throws `unavailable`, and `illegal_transition` beside a live
   * member of the same name, or with another secret.
   * Without a fleet nothing happens.
   */
  start(): Promise<void>;
  /** Leaves in order: hands over every shard, then its row goes. Never throws. Idempotent. */
  stop(): Promise<void>;
}
