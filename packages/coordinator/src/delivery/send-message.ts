import type { MessageView, RunId, RunState, StepPath, TenantId } from '@skein/domain';
import {
  cleanText,
  DomainError,
  findTarget,
  isTerminalRun,
  mailboxLimits,
  messageModes,
  utf8Length,
  viewMessage,
} from '@skein/domain';
import type { SendMessage } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { RunActor } from '../run/run-actor.ts';
import { askRun } from '../run/run-turn.ts';
import { messageHintsOf } from './deliver-messages.ts';

/** Commands of people that may wait in one run. */
const maxWaiting = 1_000;

/** Name of a sender, bytes of UTF-8. */
const maxSenderBytes = 1_024;

/** Longest life of a message. */
const maxTtlMs = 366 * 86_400_000;

/** JSON of a text, which becomes part of a fact of at most 64 KiB: control characters take six bytes. */
const maxTextJsonBytes = 48 * 1_024;

/** Tries while the run is being read again, and the wait between them in ms. */
const maxTries = 5;
const waitMs = 50;

const idShape = /^[A-Za-z0-9_.:-]{1,128}$/;

/** What a sender learns when it is not the message's own fault; each has one event, because the message goes nowhere. */
const toldReasons = new Set(['mailbox_full', 'illegal_transition', 'not_found']);

const tooLarge = (what: string, limit: number, actual: number): DomainError =>
  new DomainError('too_large', `${what} is too large`, { limit, actual });

const invalid = (message: string, field: string): DomainError =>
  new DomainError('invalid_argument', message, { problems: [{ message, field }] });

const checkMessage = ({ text, mode, messageId, ttlMs }: SendMessage, sender: string): void => {
  if (text.trim() === '') throw invalid('a message has a text', 'text');
  const bytes = utf8Length(text);
  if (bytes > mailboxLimits.maxTextBytes) throw tooLarge('the text of the message', mailboxLimits.maxTextBytes, bytes);
  const json = utf8Length(JSON.stringify(text));
  if (json > maxTextJsonBytes) throw tooLarge('the text of the message, written as JSON,', maxTextJsonBytes, json);
  if (mode !== undefined && !messageModes.includes(mode)) throw invalid('there is no such mode', 'mode');
  if (messageId !== undefined && !idShape.test(messageId))
    throw invalid('a message id has 1 to 128 letters, digits and _ . : -', 'messageId');
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs > 0 && ttlMs <= maxTtlMs))
    throw invalid('ttlMs is a whole number of milliseconds, at most a year', 'ttlMs');
  const senderBytes = utf8Length(sender);
  if (senderBytes > maxSenderBytes) throw tooLarge('the name of the sender', maxSenderBytes, senderBytes);
};

const refuse = (
  engine: Engine,
  tenant: TenantId,
  place: { readonly runId: RunId; readonly step: StepPath; readonly messageId: string },
  error: DomainError,
): DomainError => {
  engine.deps.meter.count(metric.messagesRefused, 1, { reason: error.code });
  if (!toldReasons.has(error.code)) return error;
  const { runId, step, messageId } = place;
  const at = engine.deps.clock.now();
  engine.events.add({ tenant, kind: 'rejected', at, itemId: messageId, runId, step, reason: error.code });
  return error;
};

const viewIn = (
  engine: Engine,
  state: RunState,
  actor: RunActor | undefined,
  step: StepPath,
  messageId: string,
): MessageView | undefined => {
  const target = findTarget(state, step)?.target;
  const record = target?.mailbox?.messages.findLast((one) => one.messageId === messageId);
  if (target === undefined || record === undefined) return undefined;
  return viewMessage(state.runId, step, target.round ?? 0, record, messageHintsOf(engine, actor, step));
};

/** A run that is over takes no message, but knows those that it took. */
const repeatedInPast = (
  engine: Engine,
  state: RunState,
  step: StepPath,
  messageId: string,
  text: string,
): MessageView => {
  const { runId, status } = state;
  if (findTarget(state, step) === undefined)
    throw new DomainError('not_found', `the run has no step ${step}`, { runId, step });
  const view = viewIn(engine, state, undefined, step, messageId);
  if (view === undefined)
    throw new DomainError('illegal_transition', 'the run is finished: nobody is left to read the message', {
      runId,
      step,
      status,
      reason: 'step_finished',
    });
  if (view.text === text) return view;
  throw new DomainError('already_exists', `message ${messageId} was sent with another text`, {
    runId,
    step,
    messageId,
  });
};

const post = async (
  engine: Engine,
  tenant: TenantId,
  place: { readonly runId: RunId; readonly step: StepPath; readonly messageId: string },
  message: SendMessage,
  sender: string,
): Promise<{ readonly message: MessageView; readonly created: boolean }> => {
  const { runId, step, messageId } = place;
  const text = cleanText(message.text);
  const { mode = 'next_turn', ttlMs, requireAck, wantsReply } = message;
  for (let tries = 1; ; tries += 1) {
    const past = await engine.runs.read(engine, tenant, runId, (state) =>
      isTerminalRun(state.status) ? repeatedInPast(engine, state, step, messageId, text) : undefined,
    );
    if (past !== undefined) return { message: past, created: false };
    const actor = await engine.runs.open(engine, tenant, runId);
    if (actor.mailbox.length >= maxWaiting)
      throw new DomainError('resource_exhausted', 'the run has too many open commands', { retryAfterMs: 1_000 });
    const settlement = await askRun(engine, actor, {
      type: 'send_message',
      step,
      message: {
        messageId,
        sender,
        mode,
        text,
        ...(requireAck === true ? { requireAck } : {}),
        ...(wantsReply === true ? { wantsReply } : {}),
      },
      ...(ttlMs === undefined ? {} : { ttlMs }),
    });
    if (settlement.status === 'refused') throw settlement.error;
    if (settlement.status === 'recorded') {
      const view = await engine.runs.read(engine, tenant, runId, (state, current) =>
        viewIn(engine, state, current, step, messageId),
      );
      if (view === undefined) throw new DomainError('internal', 'the message was recorded and is not there');
      return { message: view, created: settlement.facts > 0 || message.messageId === undefined };
    }
    if (settlement.status === 'failed' && (settlement.error.code !== 'unavailable' || tries >= maxTries))
      throw settlement.error;
    await engine.deps.clock.sleep(waitMs);
  }
};

/** Takes a message for a step. Durable when it resolves; a worker gets it by itself. See `Coordinator.sendMessage`. */
export const sendMessage = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  step: StepPath,
  message: SendMessage,
  sender: string,
): Promise<{ readonly message: MessageView; readonly created: boolean }> => {
  checkMessage(message, sender);
  engine.store.requireOpen();
  const place = { runId, step, messageId: message.messageId ?? engine.deps.ids.next('msg') };
  try {
    const sent = await post(engine, tenant, place, message, sender);
    engine.deps.meter.count(metric.messagesSent, 1, { outcome: sent.created ? 'accepted' : 'repeated' });
    return sent;
  } catch (thrown) {
    throw thrown instanceof DomainError ? refuse(engine, tenant, place, thrown) : thrown;
  }
};
