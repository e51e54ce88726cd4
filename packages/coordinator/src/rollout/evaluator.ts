import type { RolloutId, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Looks at every live rollout, at once after the start, after each batch of values, and every `tickMs`. */
export class Evaluator {
  readonly #engine: Engine;
  #cancel: () => void = () => {};
  #running = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** There is something new to see of this rollout. Cheap; never throws. */
  wake(_tenant: TenantId, _rolloutId: RolloutId): void {}

  start(): void {
    this.#running = true;
    this.#onTick();
  }

  stop(): void {
    this.#running = false;
    this.#cancel();
  }

  #onTick(): void {
    if (!this.#running) return;
    this.#cancel = this.#engine.deps.clock.after(this.#engine.config.rollouts.tickMs, () => this.#onTick());
  }
}
