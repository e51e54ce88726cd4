/** Time is counted in such steps, ms. */
const stepMs = 50;

/** For how long this process has been awake since it was made, in ms: a time in which it stood still is a single step. For upper bounds on waits. */
export class AwakeTime {
  #ms = 0;
  readonly #timer = setInterval(() => {
    this.#ms += stepMs;
  }, stepMs);

  get ms(): number {
    return this.#ms;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
