import { parseStepPath } from '../identity/ids.ts';
import type { JsonObject } from '../json/json-value.ts';
import type { AgentMessage, MessageRecord } from '../message/agent-message.ts';
import { messageAt } from '../message/mailbox.ts';
import { findTarget } from '../run/create-run-state.ts';
import type { RunFact } from '../run/run-fact.ts';
import type { RunState, StepState } from '../run/run-state.ts';
import type { DeadLetter, DeadLetterReason, DeliveryEvent } from './dead-letter.ts';

/** What is written with the facts of a turn: one event per item that left the normal way, one dead letter per item given up. */
export interface DeliveryRecords {
  readonly deadLetters: readonly DeadLetter[];
  readonly events: readonly DeliveryEvent[];
}

type Lost = Extract<RunFact, { readonly type: 'step_lost' }>;
type Ended = Extract<RunFact, { readonly type: 'message_ended' }>;

/** A message that ended, and the counters of the step execution that it was sent to. */
interface EndedMessage {
  readonly message: AgentMessage & Pick<MessageRecord, 'presentations' | 'droppedAt'>;
  readonly round: number;
  readonly failures: number;
}

/** Most lines of a dead letter's history. */
const maxHistory = 20;

/** Id of the dead letter of a task: `dl:RUN:STEP:TOKEN`. */
const taskLetterId = (runId: string, step: string, token: number): string => `dl:${runId}:${step}:${token}`;

/** Id of the dead letter of a message: `dl:MSG:RUN:STEP:NUMBER`, and `:ROUND` from the second round of the step on. */
const messageLetterId = (messageId: string, runId: string, step: string, number: number, round: number): string =>
  `dl:${messageId}:${runId}:${step}:${number}${round === 0 ? '' : `:${round}`}`;

const taskLetter = (state: RunState, target: StepState, fact: Lost, reason: DeadLetterReason): DeadLetter => ({
  id: taskLetterId(state.runId, fact.step, fact.token),
  tenant: state.tenant,
  kind: 'task',
  runId: state.runId,
  step: fact.step,
  dag: state.dag.name,
  reason,
  transportAttempts: target.unstartedLosses,
  executionAttempts: target.losses + (target.sharedLosses ?? 0),
  applicationFailures: target.failures,
  at: fact.at,
  ...(fact.error === undefined ? {} : { error: { ...fact.error } as JsonObject }),
  history: (target.lossLog ?? []).slice(-maxHistory),
  status: 'open',
});

const messageLetter = (state: RunState, fact: Ended, { message, round, failures }: EndedMessage): DeadLetter => ({
  id: messageLetterId(message.messageId, state.runId, fact.step, fact.number, round),
  tenant: state.tenant,
  kind: 'message',
  runId: state.runId,
  step: fact.step,
  messageId: message.messageId,
  dag: state.dag.name,
  reason: fact.reason === 'too_many_presentations' ? fact.reason : 'recipient_gone',
  transportAttempts: 0,
  executionAttempts: message.presentations ?? 0,
  applicationFailures: failures,
  at: fact.at,
  history: [
    { at: message.at, what: `accepted from ${message.sender}` },
    ...(message.droppedAt ?? []).map((at) => ({ at, what: 'read by an attempt that was dropped' })),
    { at: fact.at, what: fact.reason },
  ].slice(-maxHistory),
  body: message.text,
  status: 'open',
});

const eventOf = (
  state: RunState,
  fact: Lost | Ended,
  kind: DeliveryEvent['kind'],
  itemId: string,
  reason: string,
): DeliveryEvent => ({ tenant: state.tenant, kind, at: fact.at, itemId, runId: state.runId, step: fact.step, reason });

/** What ended: from its mailbox, or from the fact when the mailbox went with its round. */
const endedMessage = (state: RunState, fact: Ended): EndedMessage | undefined => {
  if (fact.message !== undefined) {
    const step = state.steps.get(parseStepPath(fact.step)?.stepId ?? fact.step);
    return { message: fact.message, round: Math.max(0, (step?.round ?? 0) - 1), failures: 0 };
  }
  const target = findTarget(state, fact.step)?.target;
  const message = messageAt(target?.mailbox, fact.number);
  if (target === undefined || message === undefined) return undefined;
  return { message, round: target.round ?? 0, failures: target.failures };
};

/** The records of the facts of one turn, from the state AFTER they were evolved. Pure, so a turn that is tried again writes the same. */
export const deliveryRecords = (state: RunState, factsOfTurn: readonly RunFact[]): DeliveryRecords => {
  const deadLetters: DeadLetter[] = [];
  const events: DeliveryEvent[] = [];
  for (const fact of factsOfTurn) {
    if (fact.type === 'step_lost' && fact.deadLetter !== undefined) {
      const target = findTarget(state, fact.step)?.target;
      if (target === undefined) continue;
      const letter = taskLetter(state, target, fact, fact.deadLetter);
      const ageMs = Math.max(0, fact.at - state.createdAt);
      deadLetters.push(letter);
      events.push({
        ...eventOf(state, fact, 'dead_lettered', letter.id, letter.reason),
        attempts: target.attempt,
        ageMs,
      });
    } else if (fact.type === 'message_ended') {
      const ended = endedMessage(state, fact);
      if (ended === undefined) continue;
      const { messageId, at, presentations = 0 } = ended.message;
      const letter = fact.state === 'dead_lettered' ? messageLetter(state, fact, ended) : undefined;
      if (letter !== undefined) deadLetters.push(letter);
      events.push({
        ...eventOf(state, fact, fact.state, messageId, letter?.reason ?? fact.reason),
        attempts: presentations,
        ageMs: Math.max(0, fact.at - at),
      });
    }
  }
  return { deadLetters, events };
};
