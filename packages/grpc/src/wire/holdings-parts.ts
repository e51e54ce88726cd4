import type { PeerMessage, WorkerHoldings } from '@skein/ports';
import { bad } from './fields.ts';

/** What the workers of a coordinator hold. */
export type HoldingsMessage = Extract<PeerMessage, { readonly type: 'holdings' }>;

/** Around the ids of a task, in bytes: generous. */
const taskBytes = 64;

/** Tasks of one message, whatever its parts: more is no honest answer. */
const maxTasks = 1_000_000;

const sizeOf = ({ runId, step }: { readonly runId: string; readonly step: string }): number =>
  runId.length + 3 * step.length + taskBytes;

type Running = WorkerHoldings['running'][number];
type Unacknowledged = WorkerHoldings['unacknowledged'][number];

/** Splits what is too large for a frame, also within a worker; each part takes about `partBytes`. There is at least one part. */
export const splitHoldings = ({ shards, workers }: HoldingsMessage, partBytes: number): readonly HoldingsMessage[] => {
  const parts: HoldingsMessage[] = [];
  let part: WorkerHoldings[] = [];
  let bytes = 0;
  const close = (): void => {
    parts.push({ type: 'holdings', shards, workers: part });
    part = [];
    bytes = 0;
  };
  const open = ({ workerId, sessionId }: WorkerHoldings) => {
    const own = { workerId, sessionId, running: [] as Running[], unacknowledged: [] as Unacknowledged[] };
    part.push(own);
    return own;
  };
  for (const worker of workers) {
    let own = open(worker);
    const roomFor = (task: Unacknowledged): typeof own => {
      if (bytes >= partBytes) {
        close();
        own = open(worker);
      }
      bytes += sizeOf(task);
      return own;
    };
    for (const task of worker.running) roomFor(task).running.push(task);
    for (const task of worker.unacknowledged) roomFor(task).unacknowledged.push(task);
  }
  close();
  return parts;
};

/** Puts the parts of one message together again. */
export class HoldingsParts {
  #workers: WorkerHoldings[] = [];
  #tasks = 0;

  /** The whole message with its last part, else undefined. Throws `invalid_argument` for more than anybody can hold. */
  add({ type, shards, workers }: HoldingsMessage, more: boolean): HoldingsMessage | undefined {
    if (!more && this.#workers.length === 0) return { type, shards, workers };
    for (const told of workers) {
      this.#tasks += told.running.length + told.unacknowledged.length;
      const last = this.#workers.at(-1);
      if (last?.workerId !== told.workerId || last.sessionId !== told.sessionId) this.#workers.push(told);
      else {
        const running = [...last.running, ...told.running];
        const unacknowledged = [...last.unacknowledged, ...told.unacknowledged];
        this.#workers[this.#workers.length - 1] = { ...last, running, unacknowledged };
      }
    }
    if (this.#tasks > maxTasks || this.#workers.length > maxTasks)
      throw bad('holdings.workers', 'at most 1,000,000 tasks');
    if (more) return undefined;
    const whole = { type, shards, workers: this.#workers };
    this.#workers = [];
    this.#tasks = 0;
    return whole;
  }
}
