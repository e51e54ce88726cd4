import type { ModelMessage, Turn } from '@skein/ports';
import type { Conversation } from './run-turns.ts';
import type { UserMessage } from './turn-delta.ts';

/** Where a conversation stands before a turn. */
export interface BeforeTurn {
  readonly number: number;
  /** The transcript until the last results. */
  readonly messages: readonly ModelMessage[];
  /** What is to be said since, without the messages that wait in the mailbox. */
  readonly said: readonly UserMessage[];
  readonly isAfterTools: boolean;
}

/** A turn of the model with all that was said to it since the last results. */
export interface SaidAndAnswered {
  readonly said: readonly UserMessage[];
  readonly turn: Turn;
}

/**
 * Asks the model for a turn. A message that interrupts makes it give up the running call, which then counts as nothing, and ask again.
 * Throws the limits' failures and what the model throws.
 */
export const askModel = async (
  talk: Conversation,
  { number, messages, said: before, isAfterTools }: BeforeTurn,
  signal: AbortSignal,
): Promise<SaidAndAnswered> => {
  const { model, budget, readSecret, inbox, journal } = talk;
  const said = [...before];
  for (;;) {
    journal?.throwIfOver();
    const bound = turnBound(budget.beforeTurn(), model.maxOutputTokens);
    const { system, tools } = await talk.offer();
    const interruption = createInterruption(talk, signal);
    try {
      said.push(...(inbox?.read(isAfterTools) ?? []));
      const reply = inbox?.tool();
      const offered = reply === undefined ? tools : [...tools, reply];
      inbox?.presented(number);
      // The transcript is copied: a model that keeps the request must not see it grow.
      const request = { model, system, messages: [...messages, ...said], tools: offered, readSecret, ...bound };
      return { said, turn: await talk.callModel(request, interruption.signal) };
    } catch (thrown) {
      if (!interruption.signal.aborted || signal.aborted) throw thrown;
    } finally {
      interruption.end();
    }
  }
};

/** What any model can be asked for; above it a bound that exceeds the model's own maximum is refused by some providers. */
const safeBoundTokens = 4_096;

const turnBound = (left: number, max: number | undefined): { readonly maxOutputTokens?: number } => {
  if (max !== undefined) return { maxOutputTokens: Math.min(left, max) };
  return left <= safeBoundTokens ? { maxOutputTokens: left } : {};
};

/** A signal of one model call, aborted with the attempt or by a message that interrupts. */
const createInterruption = ({ inbox, stepLog }: Conversation, signal: AbortSignal) => {
  if (inbox === undefined) return { signal, end: () => {} };
  const controller = new AbortController();
  const forward = () => controller.abort(signal.reason);
  if (signal.aborted) forward();
  else signal.addEventListener('abort', forward, { once: true });
  const stop = inbox.onInterrupt((messageId) => {
    if (controller.signal.aborted) return;
    controller.abort(new Error('interrupted by a message'));
    stepLog.note(`the model call was given up: message ${messageId} interrupts`);
  });
  return {
    signal: controller.signal,
    end: () => {
      stop();
      signal.removeEventListener('abort', forward);
    },
  };
};
