import type { RolloutId, RolloutRecord, TenantId } from '@skein/domain';
import { recentValues } from '../engine/recent-values.ts';
import type { RolloutView } from './rollout-views.ts';

/** What one look found; `content` is what of the view changes by more than time. */
export interface SharedLook {
  readonly record: RolloutRecord;
  readonly view: RolloutView;
  readonly content: string;
}

/** Rollouts whose last look is kept. */
const maxLooks = 200;

const keyOf = (tenant: TenantId, id: RolloutId): string => `${tenant} ${id}`;

/** One look at a rollout for all who watch it, so that a thousand readers cost what one costs. */
export class SharedLooks {
  readonly #looks = recentValues<string, { readonly at: number; readonly look: Promise<SharedLook> }>(maxLooks);

  /** The look that began within `freshMs` before `now` (monotonic) and before which nothing was written here, else a new one. */
  at(
    tenant: TenantId,
    id: RolloutId,
    now: number,
    freshMs: number,
    make: () => Promise<SharedLook>,
  ): Promise<SharedLook> {
    const key = keyOf(tenant, id);
    const known = this.#looks.get(key);
    if (known !== undefined && now - known.at < freshMs) return known.look;
    const made = { at: now, look: make() };
    this.#looks.set(key, made);
    made.look.catch(() => {
      if (this.#looks.peek(key) === made) this.#looks.delete(key);
    });
    return made.look;
  }

  /** There is something new: looks that began before are old. */
  forget(tenant: TenantId, id: RolloutId): void {
    this.#looks.delete(keyOf(tenant, id));
  }
}
