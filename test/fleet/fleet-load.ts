import type { RunView } from '@skein/domain';
import { isDomainError } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';

/** People who submit run after run and wait for each, by the retry rule and nothing else. */
export class FleetLoad {
  readonly runs: RunView[] = [];
  /** What any of them was told that was no answer. */
  readonly errors: string[] = [];
  #stopping = false;
  readonly #people: readonly Promise<void>[];

  constructor(client: () => SkeinClient, dag: string, people: number) {
    this.#people = Array.from({ length: people }, () => this.#submitOn(client(), dag));
  }

  /** Nobody begins anything more. */
  end(): void {
    this.#stopping = true;
  }

  /** Lets everybody finish what they began. */
  async stop(): Promise<void> {
    this.end();
    await Promise.all(this.#people);
  }

  async #submitOn(client: SkeinClient, dag: string): Promise<void> {
    while (!this.#stopping) {
      try {
        const { run } = await client.runs.submit({ dag });
        let seen: RunView = run;
        while (!['succeeded', 'failed', 'cancelled'].includes(seen.status))
          seen = await client.runs.get(run.runId, { waitMs: 5_000 });
        this.runs.push(seen);
      } catch (error) {
        this.errors.push(isDomainError(error) ? `${error.code}: ${error.message}` : String(error));
      }
    }
  }
}
