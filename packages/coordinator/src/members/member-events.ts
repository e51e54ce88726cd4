import type { TenantId } from '@skein/domain';
import type { ChangedThing } from './members.ts';

type ChangeListener = (tenant: TenantId, what: ChangedThing) => void;

/** Who listens to what happens in the fleet. */
export class MemberEvents {
  readonly #onChange = new Set<() => void>();
  readonly #onChanged = new Set<ChangeListener>();

  /** See `Members.onChange`. */
  onChange(listener: () => void): () => void {
    this.#onChange.add(listener);
    return () => this.#onChange.delete(listener);
  }

  /** See `Members.onChanged`. */
  onChanged(listener: ChangeListener): () => void {
    this.#onChanged.add(listener);
    return () => this.#onChanged.delete(listener);
  }

  /** Members or homes changed. */
  tell(): void {
    for (const listener of this.#onChange) listener();
  }

  /** This coordinator changed something of the tenant. */
  changed(tenant: TenantId, what: ChangedThing): void {
    for (const listener of this.#onChanged) listener(tenant, what);
  }
}
