import type { Coordinator } from '@skein/coordinator';
import {
  type ApprovalView,
  type DeadLetter,
  DomainError,
  type EffectView,
  type MessageView,
  type NumberedDeliveryEvent,
  type RunView,
  type StepDetail,
} from '@skein/domain';
import type { DeadLetterFilter } from '@skein/ports';

const at = '2026-11-02T03:04:05.000Z';

/** What a dead letter looks like; its id holds colons, brackets and, for handlers, an at sign. */
export const deadTask: DeadLetter = {
  id: 'dl:run_1:triage[3]:17',
  tenant: 'default',
  kind: 'task',
  runId: 'run_1',
  step: 'triage[3]',
  dag: 'hello',
  reason: 'poison',
  transportAttempts: 0,
  executionAttempts: 3,
  applicationFailures: 0,
  at: Date.parse(at),
  history: [{ at: Date.parse(at), what: 'worker_exited', workerId: 'wrk_1' }],
  status: 'open',
};

/** Messages, approvals, dead letters and delivery events in memory, as a coordinator without an engine has them. */
export class FakeDelivery {
  readonly messages: MessageView[] = [];
  readonly approvals: ApprovalView[] = [];
  /** Answers that were given, with who gave them. */
  readonly answers: { readonly step: string; readonly answer: object }[] = [];
  readonly deadLetters = new Map<string, DeadLetter>([[deadTask.id, deadTask]]);
  readonly events: NumberedDeliveryEvent[] = [];
  /** Events up to this number were removed. */
  removedEvents = 0;
  /** Filters of `listDeadLetters`. */
  readonly asked: DeadLetterFilter[] = [];
  waiting = 0;
  #wake: (() => void)[] = [];
  readonly #runOf: (runId: string) => RunView;

  constructor(runOf: (runId: string) => RunView) {
    this.#runOf = runOf;
  }

  send(runId: string, step: string, message: Parameters<Coordinator['sendMessage']>[3], sender: string) {
    this.#runOf(runId);
    if (step === 'done') throw new DomainError('illegal_transition', 'the step is finished');
    if (step === 'full') {
      throw new DomainError('mailbox_full', 'the mailbox of the step is full', { depth: 100, oldestAgeMs: 61_000 });
    }
    const known = this.messages.find(({ messageId }) => messageId === message.messageId);
    if (known !== undefined) {
      if (known.text !== message.text) throw new DomainError('already_exists', 'this id has another text');
      return { message: known, created: false };
    }
    const number = this.messages.length + 1;
    const view: MessageView = {
      messageId: message.messageId ?? `msg_${number}`,
      runId,
      step,
      number,
      round: 0,
      sender,
      mode: message.mode ?? 'next_turn',
      text: message.text,
      state: 'accepted',
      sentAt: at,
      ...(message.requireAck === true ? { requireAck: true } : {}),
      ...(message.wantsReply === true ? { wantsReply: true } : {}),
    };
    this.messages.push(view);
    return { message: view, created: true };
  }

  /** Moves a message on, as the engine would. */
  change(messageId: string, change: Partial<MessageView>): void {
    const index = this.messages.findIndex((message) => message.messageId === messageId);
    this.messages[index] = { ...(this.messages[index] as MessageView), ...change };
    for (const wake of this.#wake.splice(0)) wake();
  }

  read(messageId: string): MessageView {
    const found = this.messages.find((message) => message.messageId === messageId);
    if (found === undefined) throw new DomainError('not_found', 'no message has this id');
    return found;
  }

  async wait(messageId: string, until: 'consumed' | 'reply', signal: AbortSignal): Promise<MessageView> {
    const isOver = () => {
      const { state } = this.read(messageId);
      if (state === 'consumed') return until === 'consumed';
      return state === 'replied' || state === 'expired' || state === 'rejected' || state === 'dead_lettered';
    };
    this.waiting += 1;
    while (!isOver() && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    this.waiting -= 1;
    return this.read(messageId);
  }

  answer(runId: string, step: string, answer: object): RunView {
    const run = this.#runOf(runId);
    if (!this.approvals.some((approval) => approval.step === step)) {
      throw new DomainError('illegal_transition', `the step ${step} does not wait for an approval`);
    }
    this.answers.push({ step, answer });
    return run;
  }

  effects(limit: number, cursor?: string) {
    const start = cursor === undefined ? 0 : Number(cursor);
    const all = [0, 1, 2].map(
      (index): EffectView => ({
        key: `run_1:write:0:2:${index}`,
        step: 'write',
        round: 0,
        attempt: 1,
        thread: '',
        turn: 2,
        index,
        tool: 'bash',
        class: 'effect',
        status: index === 2 ? 'unknown' : 'done',
        plannedAt: at,
      }),
    );
    const items = all.slice(start, start + limit);
    return start + limit < all.length ? { items, nextCursor: String(start + limit) } : { items };
  }

  detail(runId: string, step: string, transcript: boolean): StepDetail {
    const turn = {
      thread: '',
      turn: 1,
      attempt: 1,
      round: 0,
      at,
      inputTokens: 10,
      outputTokens: 5,
      finishReason: 'stop',
      calls: [],
      messages: ['msg_1'],
      ...(transcript ? { said: [{ role: 'user', text: 'hi' }], text: 'hello' } : {}),
    };
    return {
      runId,
      step,
      status: 'succeeded',
      attempts: [],
      turns: [turn],
      totals: { turns: 1, toolCalls: 0, inputTokens: 10, outputTokens: 5 },
    };
  }

  letters(filter: DeadLetterFilter) {
    this.asked.push(filter);
    return { items: [...this.deadLetters.values()] };
  }

  letter(id: string): DeadLetter {
    const found = this.deadLetters.get(id);
    if (found === undefined) throw new DomainError('not_found', 'no dead letter has this id');
    return found;
  }

  redrive(id: string, options: Parameters<Coordinator['redriveDeadLetter']>[2]) {
    const letter = this.letter(id);
    const runId = options.runId ?? 'run_2';
    if (options.dryRun) return { deadLetter: letter, runId, dryRun: true };
    const deadLetter = this.#settle(letter, { status: 'redriven', settledBy: options.by, redrivenRunId: runId });
    return { deadLetter, runId, dryRun: false };
  }

  purge(id: string, by: string): DeadLetter {
    return this.#settle(this.letter(id), { status: 'purged', settledBy: by });
  }

  #settle(letter: DeadLetter, change: Partial<DeadLetter>): DeadLetter {
    if (letter.status !== 'open') throw new DomainError('illegal_transition', `it was ${letter.status} already`);
    const settled = { ...letter, ...change, settledAt: Date.parse(at) };
    this.deadLetters.set(letter.id, settled);
    return settled;
  }

  eventsAfter(after: number, limit: number) {
    const items = this.events.filter(({ seq }) => seq > Math.max(after, this.removedEvents)).slice(0, limit);
    return {
      items,
      next: items.at(-1)?.seq ?? after,
      ...(after < this.removedEvents ? { gap: { from: after + 1, to: this.removedEvents } } : {}),
    };
  }
}
