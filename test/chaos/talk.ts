import type { Random } from '@skein/ports';
import type { AcceptedRun, Load } from './load.ts';

/** A message that the coordinator said it took. */
export interface AcceptedMessage {
  readonly runId: string;
  readonly step: string;
  readonly messageId: string;
}

const modes = ['next_turn', 'interrupt', 'after_tool', 'on_idle'] as const;
const maxMessages = 4;

/** Speaks to the steps of open runs: sends messages, most of them twice, and answers approvals. */
export class Talk {
  readonly accepted: AcceptedMessage[] = [];
  /** Ids that a repetition found: it must not be a second message. */
  repeated = 0;
  /** Answers to approvals that were taken: approved, and pushed back. */
  readonly answers = { approved: 0, pushedBack: 0 };
  readonly #load: Load;
  readonly #random: Random;
  readonly #sent = new Map<string, number>();
  readonly #taken = new Set<string>();

  constructor(load: Load, random: Random) {
    this.#load = load;
    this.#random = random;
  }

  /** One round: every open run is spoken to at most once. */
  async look(): Promise<void> {
    for (const run of this.#load.open) {
      if (run.dag === 'talk' && this.#random.next() < 0.3) await this.#chat(run);
      if (run.dag === 'gate') await this.#send(run, 'word', `word-${run.runId}`, {});
    }
    await this.#answer();
  }

  async #chat(run: AcceptedRun): Promise<void> {
    const number = this.#sent.get(run.runId) ?? 0;
    if (number >= maxMessages) return;
    this.#sent.set(run.runId, number + 1);
    const mode = modes[Math.floor(this.#random.next() * modes.length)] ?? 'next_turn';
    const requireAck = this.#random.next() < 0.3;
    const isRepeated = this.#random.next() < 0.7;
    const id = `msg-${number}-${run.runId}`;
    await this.#send(run, 'talk', id, { mode, requireAck });
    if (isRepeated) await this.#send(run, 'talk', id, { mode, requireAck });
  }

  async #send(run: AcceptedRun, step: string, messageId: string, more: object): Promise<void> {
    if (step === 'word' && this.#taken.has(messageId)) return;
    const path = `/api/runs/${run.runId}/steps/${step}/messages`;
    const answer = await this.#load.call<unknown>('POST', path, { text: `note ${messageId}`, messageId, ...more });
    if (answer === undefined || answer.status >= 300) {
      const isExpected = answer === undefined || [409, 429].includes(answer.status) || answer.status >= 500;
      if (!isExpected) throw new Error(`a message was refused: ${answer?.status} ${JSON.stringify(answer?.body)}`);
      return;
    }
    if (answer.status === 200) this.repeated += 1;
    if (this.#taken.has(messageId)) return;
    this.#taken.add(messageId);
    this.accepted.push({ runId: run.runId, step, messageId });
  }

  async #answer(): Promise<void> {
    interface Waiting {
      readonly runId: string;
      readonly step: string;
      readonly round: number;
    }
    const waiting = await this.#load.call<{ items: readonly Waiting[] }>('GET', '/api/approvals?limit=100');
    if (waiting?.status !== 200) return;
    for (const { runId, step, round } of waiting.body.items) {
      const isBack = round === 0 && this.#random.next() < 0.3;
      const body = isBack ? { decision: 'push_back', feedback: 'once more', round } : { decision: 'approve', round };
      const times = !isBack && this.#random.next() < 0.5 ? 2 : 1;
      for (let time = 0; time < times; time += 1) {
        const answer = await this.#load.call<unknown>('POST', `/api/runs/${runId}/steps/${step}/approval`, body);
        if (answer?.status !== 200 || time > 0) continue;
        if (isBack) this.answers.pushedBack += 1;
        else this.answers.approved += 1;
      }
    }
  }
}
