import type { DomainError } from '@skein/domain';
import type { Clock, StreamLink } from '@skein/ports';
import type { ChannelEnd } from './memory-gateway.ts';

/** What may happen to one message: how late it is, and how often it arrives. */
export interface Fate {
  readonly delayMs: number;
  readonly copies: number;
  /** The stream breaks in place of this message. */
  readonly cut: boolean;
}

interface Parcel<M> {
  readonly dueAt: number;
  readonly message?: M;
  readonly close?: { readonly error?: DomainError };
}

/** Timing and faults of one direction. */
export interface FaultyChannelDeps<M> {
  readonly clock: Clock;
  readonly end: ChannelEnd<M>;
  readonly fateOf: (message: M) => Fate;
  /** True while nothing may arrive. */
  readonly blocked: () => boolean;
  readonly cut: () => void;
}

/** One direction of a stream with faults. Order is kept: a late message holds back those behind it, as TCP does. */
export class FaultyChannel<M> implements StreamLink<M> {
  readonly #deps: FaultyChannelDeps<M>;
  readonly #parcels: Parcel<M>[] = [];
  #lastDue = 0;
  #cancelTimer: (() => void) | undefined;
  #waiting = false;
  #closing = false;
  #over = false;

  constructor(deps: FaultyChannelDeps<M>) {
    this.#deps = deps;
  }

  send(message: M): void {
    if (this.#closing || this.#over) return;
    const fate = this.#deps.fateOf(message);
    if (fate.cut) {
      this.#deps.cut();
      return;
    }
    for (let copy = 0; copy < fate.copies; copy++) this.#post(fate.delayMs, { message });
  }

  close(error?: DomainError): void {
    if (this.#closing || this.#over) return;
    this.#closing = true;
    this.#post(0, { close: error === undefined ? {} : { error } });
  }

  /** Ends at once; what is under way is lost. */
  breakOff(error: DomainError): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer?.();
    this.#parcels.length = 0;
    this.#deps.end.onClosed(error);
  }

  /** Delivers what is due; call it when the block is lifted. */
  pump(): void {
    if (this.#over || this.#waiting) return;
    const [first] = this.#parcels;
    if (first === undefined) return;
    this.#waiting = true;
    const run = (): void => {
      this.#waiting = false;
      this.#cancelTimer = undefined;
      this.#deliver();
    };
    const waitMs = first.dueAt - this.#deps.clock.monotonicMs();
    if (waitMs > 0) this.#cancelTimer = this.#deps.clock.after(waitMs, run);
    else this.#deps.clock.endOfTurn(run);
  }

  #post(delayMs: number, parcel: Omit<Parcel<M>, 'dueAt'>): void {
    this.#lastDue = Math.max(this.#lastDue, this.#deps.clock.monotonicMs() + delayMs);
    this.#parcels.push({ ...parcel, dueAt: this.#lastDue });
    this.pump();
  }

  #deliver(): void {
    const { clock, end, blocked } = this.#deps;
    while (!this.#over && !blocked()) {
      const [first] = this.#parcels;
      if (first === undefined) return;
      if (first.dueAt > clock.monotonicMs()) return this.pump();
      this.#parcels.shift();
      if (first.close !== undefined) {
        this.#over = true;
        end.onClosed(first.close.error);
      } else end.onMessage(first.message as M);
    }
  }
}
