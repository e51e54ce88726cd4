import type { UnitLock } from './write-unit.ts';

/*
 * The names that units lock where several processes write; ../../../../docs/decisions/0011-postgresql.md says which unit takes which.
 */

type Mode = UnitLock['mode'];

/** What routing depends on: the project's revision, versions, rollouts, freezes. Whoever raises the revision takes it `exclusive`. */
export const projectLock = (tenant: string, mode: Mode): UnitLock => ({ name: `project/${tenant}`, mode });

/** Which snapshots are stored: `exclusive` for removing them. */
export const snapshotsLock = (tenant: string, mode: Mode): UnitLock => ({ name: `snapshots/${tenant}`, mode });

/** The count of references to one snapshot: batches that change several counts do so in one order. */
export const referencesLock = (tenant: string, digest: string): UnitLock => ({
  name: `snapshot/${tenant}/${digest}`,
  mode: 'exclusive',
});

/** The units, values and tallies of one rollout, and its end: units have numbers without holes in the order of commits. */
export const rolloutLock = (tenant: string, rolloutId: string): UnitLock => ({
  name: `rollout/${tenant}/${rolloutId}`,
  mode: 'exclusive',
});

/** The delivery stream of a tenant: its events have numbers without holes in the order of commits. */
export const eventsLock = (tenant: string): UnitLock => ({ name: `events/${tenant}`, mode: 'exclusive' });

/** A scope of memory with its proposals. */
export const scopeLock = (tenant: string, scope: string): UnitLock => ({
  name: `scope/${tenant}/${scope}`,
  mode: 'exclusive',
});
