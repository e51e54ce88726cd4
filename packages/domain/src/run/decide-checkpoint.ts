import type { CheckpointEntry, TurnEntry } from '../checkpoint/checkpoint-entry.ts';
import { addToolResult, addTurn, createProgress, restartProgress } from '../checkpoint/progress.ts';
import { DomainError } from '../errors/domain-error.ts';
import type { MailboxState } from '../message/agent-message.ts';
import { mailboxLimits } from '../message/agent-message.ts';
import { consumeMessages, messageAt, presentAgain, replyToMessage } from '../message/mailbox.ts';
import type { Result } from '../result/result.ts';
import { err, ok } from '../result/result.ts';
import { cleanText } from '../text/clean-text.ts';
import { utf8Length } from '../text/utf8.ts';
import { findTarget } from './create-run-state.ts';
import { noteUnread } from './decide-message.ts';
import type { CommandOf, Decision } from './decision.ts';
import { illegal, nothing } from './decision.ts';
import { encodeFact } from './fact-text.ts';
import type { RunFact } from './run-fact.ts';
import type { RunState, StepState } from './run-state.ts';

/** Facts that are durable points of an agent's conversation. */
export type CheckpointFact = Extract<
  RunFact,
  { readonly type: 'turn_planned' | 'tool_done' | 'agent_restarted' | 'message_replied' }
>;

/** Largest sum of the facts of one checkpoint, in bytes. */
export const maxCheckpointBytes = 512 * 1024;

/** The entries that are not recorded yet, or why they do not follow what is. */
const freshEntries = (
  target: StepState,
  { token, index, entries }: CommandOf<'checkpoint'>,
): Result<readonly CheckpointEntry[], string> => {
  const place = entries.findIndex(({ type }) => type === 'restart');
  const { seqs = [], restartedBy } = target.progress ?? {};
  // An attempt restarts once, before all else. The restart again is a repetition, and what follows it begins at 0.
  if (place !== -1 && restartedBy === token) return ok(entries.slice(place + 1 + seqs.length));
  if (!Number.isInteger(index) || index < 0) return err(`${index} is no place in a transcript`);
  if (index > seqs.length) return err(`entry ${index} does not follow: ${seqs.length} are recorded`);
  return ok(entries.slice(seqs.length - index));
};

/** Numbers of the messages that the transcript has read. */
const readBefore = (mailbox: MailboxState | undefined): Set<number> =>
  new Set(
    (mailbox?.messages ?? []).flatMap(({ number, state }) =>
      state === 'consumed' || state === 'replied' ? [number] : [],
    ),
  );

/** The turn without the messages that ended meanwhile, or were read before: it consumes what it was the first to read. */
const cleanTurn = (entry: TurnEntry, mailbox: MailboxState | undefined, read: Set<number>): TurnEntry => {
  const { consumed, ...rest } = entry;
  if (consumed === undefined) return rest;
  const fresh: number[] = [];
  for (const number of consumed) {
    const state = messageAt(mailbox, number)?.state;
    if (read.has(number) || state === 'expired' || state === 'rejected' || state === 'dead_lettered') continue;
    read.add(number);
    fresh.push(number);
  }
  return fresh.length === 0 ? rest : { ...rest, consumed: fresh };
};

const entryDefect = (mailbox: MailboxState | undefined, entry: CheckpointEntry): DomainError | undefined => {
  const named = entry.type === 'turn' ? (entry.consumed ?? []) : entry.type === 'reply' ? [entry.number] : [];
  const unknown = named.find((number) => messageAt(mailbox, number) === undefined);
  if (unknown !== undefined) {
    const message = `the step has no message ${unknown}`;
    return new DomainError('invalid_argument', message, { problems: [{ field: 'entries', message }] });
  }
  const actual = entry.type === 'reply' ? utf8Length(entry.text) : 0;
  const limit = mailboxLimits.maxTextBytes;
  return actual > limit ? new DomainError('too_large', `a reply is over ${limit} bytes`, { limit, actual }) : undefined;
};

/** The facts of entries, each as it is after those before it; messages that they name are looked up in the mailbox. */
const factsOf = (
  { step, token }: CommandOf<'checkpoint'>,
  { attempt, mailbox }: StepState,
  entries: readonly CheckpointEntry[],
  at: number,
): readonly CheckpointFact[] => {
  const ref = { v: 1, at, step, attempt, token } as const;
  const read = readBefore(mailbox);
  return entries.map((entry): CheckpointFact => {
    switch (entry.type) {
      case 'turn':
        return { type: 'turn_planned', ...ref, entry: cleanTurn(entry, mailbox, read) };
      case 'tool':
        return { type: 'tool_done', ...ref, entry };
      case 'reply':
        return { type: 'message_replied', ...ref, entry: { ...entry, text: cleanText(entry.text) } };
      case 'restart':
        read.clear();
        return { type: 'agent_restarted', ...ref, entry };
    }
  });
};

const sizeDefect = (facts: readonly CheckpointFact[]): DomainError | undefined => {
  let actual = 0;
  try {
    for (const fact of facts) actual += utf8Length(encodeFact(fact));
  } catch (thrown) {
    if (thrown instanceof DomainError) return thrown;
    throw thrown;
  }
  const limit = maxCheckpointBytes;
  if (actual <= limit) return undefined;
  return new DomainError('too_large', `the entries are over ${limit} bytes`, { limit, actual });
};

/**
 * Records durable points of an agent attempt, by the holder of the lease only. What is recorded already changes nothing, so that a worker
 * may send its entries until it hears of them; a hole is refused. Errors: `stale_fencing_token`, `illegal_transition`,
 * `invalid_argument` (a message that was never sent), `too_large`.
 */
export const decideCheckpoint = (state: RunState, command: CommandOf<'checkpoint'>, now: number): Decision => {
  const { step, token, workerId } = command;
  const found = findTarget(state, step);
  const lease = found?.target.lease;
  if (found === undefined || lease === undefined || lease.token !== token || lease.workerId !== workerId) {
    const current = lease?.token ?? found?.target.resultToken ?? 0;
    const details = { runId: state.runId, step, token, current };
    return err(new DomainError('stale_fencing_token', `token ${token} of ${step} is not the current one`, details));
  }
  if (state.graph.byId.get(found.step.path)?.action.kind !== 'agent')
    return illegal(state, `step ${step} is no agent: it has no checkpoints`);
  const fresh = freshEntries(found.target, command);
  if (!fresh.ok) return illegal(state, fresh.error);
  if (fresh.value.length === 0) return nothing;
  for (const entry of fresh.value) {
    const defect = entryDefect(found.target.mailbox, entry);
    if (defect !== undefined) return err(defect);
  }
  const facts = factsOf(command, found.target, fresh.value, now);
  const defect = sizeDefect(facts);
  return defect === undefined ? ok(facts) : err(defect);
};

/** Drops the transcript of a step: what it had read is to be read again, by one that begins at turn 0. */
export const dropTranscript = (state: RunState, target: StepState, at: number): void => {
  delete target.progress;
  if (target.mailbox === undefined) return;
  presentAgain(target.mailbox, at);
  noteUnread(state, target);
};

/** Applies one durable point: the progress of its step, and the messages that it consumed or answered. */
export const evolveCheckpoint = (state: RunState, fact: CheckpointFact): void => {
  const target = findTarget(state, fact.step)?.target;
  if (target === undefined) return;
  // Whoever records has begun, also for a coordinator that was not there to hear of it.
  if (target.lease?.token === fact.token) target.lease.startedAt ??= fact.at;
  if (fact.type === 'agent_restarted') {
    const progress = restartProgress(target.progress, fact.token);
    dropTranscript(state, target, fact.at);
    target.progress = progress;
    return;
  }
  target.progress ??= createProgress();
  target.progress.seqs.push(state.seq);
  switch (fact.type) {
    case 'turn_planned':
      addTurn(target.progress, fact.entry);
      if (target.mailbox === undefined || fact.entry.consumed === undefined) return;
      consumeMessages(target.mailbox, fact.entry.consumed, fact.entry.turn);
      delete target.unreadReturns;
      noteUnread(state, target);
      return;
    case 'tool_done':
      addToolResult(target.progress, fact.entry);
      return;
    case 'message_replied':
      if (target.mailbox !== undefined) replyToMessage(target.mailbox, fact.entry.number, fact.entry.text, fact.at);
      return;
  }
};
