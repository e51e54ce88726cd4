import type { Clock, WorkerMessage } from '@skein/ports';

/** Tells the coordinator how many more tasks the worker takes: at most once per turn of the event loop. */
export class Credits {
  readonly #clock: Clock;
  readonly #send: (message: WorkerMessage) => void;
  readonly #free: () => number;
  #offersSeen = 0;
  #asked = false;

  constructor(clock: Clock, send: (message: WorkerMessage) => void, free: () => number) {
    this.#clock = clock;
    this.#send = send;
    this.#free = free;
  }

  /** An offer came; credits that are sent from now on know of it. */
  offerSeen(): void {
    this.#offersSeen += 1;
  }

  streamOpened(): void {
    this.#offersSeen = 0;
  }

  /** At the end of this turn. */
  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#clock.endOfTurn(() => {
      this.#asked = false;
      this.sendNow();
    });
  }

  sendNow(): void {
    this.#send({ type: 'credits', free: this.#free(), offersSeen: this.#offersSeen });
  }
}
