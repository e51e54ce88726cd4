import {
  DomainError,
  type RolloutExposure,
  type RolloutId,
  type RolloutTally,
  type RolloutUnit,
  type RolloutValue,
  type TallyKind,
  type TenantId,
} from '@skein/domain';
import type { Observation, Page, RolloutStore } from '@skein/ports';

interface Counted {
  readonly units: RolloutUnit[];
  /** Hashes that are taken. */
  readonly taken: Set<string>;
  /** When each value was written, by unit and metric. */
  readonly writtenAt: Map<string, number>;
  readonly tallies: { [kind in TallyKind]?: number };
}

const emptyCounted = (): Counted => ({ units: [], taken: new Set(), writtenAt: new Map(), tallies: {} });

/** Units of rollouts with their values, and what was tallied. Nothing awaits. */
export class MemoryRolloutUnits {
  readonly #rollouts = new Map<string, Counted>();

  /** A unit that is there already changes nothing, whatever its arm. */
  expose(tenant: TenantId, exposures: readonly RolloutExposure[]): void {
    for (const { rolloutId, unit, arm, epoch, at, runId } of exposures) {
      const { units, taken } = this.#of(tenant, rolloutId);
      if (taken.has(unit)) continue;
      taken.add(unit);
      units.push({ seq: units.length + 1, unit, arm, epoch, at, runId, state: 'open', values: {} });
    }
  }

  tally(tenant: TenantId, tallies: readonly RolloutTally[]): void {
    for (const { rolloutId, kind } of tallies) {
      const counts = this.#of(tenant, rolloutId).tallies;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
  }

  tallies(tenant: TenantId, id: RolloutId): { readonly [kind in TallyKind]?: number } {
    return { ...this.#of(tenant, id).tallies };
  }

  read(tenant: TenantId, id: RolloutId, afterSeq: number, limit: number): readonly RolloutUnit[] {
    return structuredClone(this.#of(tenant, id).units.slice(afterSeq, afterSeq + limit));
  }

  ofRun(tenant: TenantId, runId: string): readonly (RolloutUnit & { readonly rolloutId: RolloutId })[] {
    const found: (RolloutUnit & { readonly rolloutId: RolloutId })[] = [];
    for (const [key, { units }] of this.#rollouts) {
      const [owner, rolloutId = ''] = key.split('\u0000');
      if (owner !== tenant) continue;
      for (const unit of units) if (unit.runId === runId) found.push({ ...structuredClone(unit), rolloutId });
    }
    return found.toSorted((a, b) => (a.rolloutId === b.rolloutId ? a.seq - b.seq : a.rolloutId < b.rolloutId ? -1 : 1));
  }

  end(tenant: TenantId, ends: Parameters<RolloutStore['endUnits']>[1]): void {
    for (const { rolloutId, seq, state, at } of ends) {
      const { units, taken } = this.#of(tenant, rolloutId);
      const open = units[seq - 1];
      if (open?.state !== 'open') continue;
      if (state === 'void') taken.delete(open.unit);
      const unit = state === 'void' ? `void-${seq}` : open.unit;
      units[seq - 1] = { ...open, unit, state, endedAt: at };
    }
  }

  record(tenant: TenantId, values: readonly RolloutValue[]): number {
    const wrong = values.find(({ value }) => value !== null && !Number.isFinite(value));
    if (wrong !== undefined) throw notFinite(wrong);
    let written = 0;
    for (const { rolloutId, metric, seq, value, at } of values) {
      const { units, writtenAt } = this.#of(tenant, rolloutId);
      const unit = units[seq - 1];
      const place = `${seq}\u0000${metric}`;
      if (unit === undefined || writtenAt.has(place)) continue;
      writtenAt.set(place, at);
      units[seq - 1] = { ...unit, values: { ...unit.values, [metric]: value === null ? null : value + 0 } };
      written += 1;
    }
    return written;
  }

  observations(
    tenant: TenantId,
    id: RolloutId,
    metric: string | undefined,
    limit: number,
    cursor: string | undefined,
  ): Page<Observation> {
    const after = cursor === undefined ? undefined : placeOf(cursor);
    const { units, writtenAt } = this.#of(tenant, id);
    const found = units
      .filter(({ state }) => state !== 'void')
      .flatMap((unit) =>
        Object.entries(unit.values)
          .filter(([name]) => metric === undefined || name === metric)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, value]) => ({
            seq: unit.seq,
            unit: unit.unit,
            arm: unit.arm,
            epoch: unit.epoch,
            metric: name,
            value,
            runId: unit.runId,
            assignedAt: unit.at,
            at: writtenAt.get(`${unit.seq}\u0000${name}`) ?? 0,
          })),
      )
      .filter(
        (one) => after === undefined || one.seq > after.seq || (one.seq === after.seq && one.metric > after.metric),
      );
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return found.length > limit && last !== undefined ? { items, nextCursor: `${last.seq}.${last.metric}` } : { items };
  }

  #of(tenant: TenantId, id: RolloutId): Counted {
    const key = `${tenant}\u0000${id}`;
    const counted = this.#rollouts.get(key) ?? emptyCounted();
    this.#rollouts.set(key, counted);
    return counted;
  }
}

const notFinite = ({ metric, seq }: RolloutValue): DomainError =>
  new DomainError('invalid_argument', 'a value must be a finite number or null', { metric, seq });

const placeOf = (cursor: string): { readonly seq: number; readonly metric: string } => {
  const [, seq, metric] = /^(\d+)\.(.+)$/s.exec(cursor) ?? [];
  if (seq === undefined || metric === undefined) {
    throw new DomainError('invalid_argument', 'this is no cursor', { cursor });
  }
  return { seq: Number(seq), metric };
};
