import type { MessageMode, RunFact } from '@skein/domain';
import type { RunHistory } from './history.ts';
import { goesOn, isOf } from './transcripts.ts';

/** One message as the log tells of it. */
export interface LoggedMessage {
  readonly runId: string;
  readonly step: string;
  readonly messageId: string;
  readonly number: number;
  readonly mode: MessageMode;
  readonly text: string;
  /** Its ends, in order: each a state, or `consumed`; a transcript that is dropped takes its `consumed` back. */
  ends: string[];
}

/** The messages of one run, those of earlier rounds included, in the order in which they were accepted. */
export const messagesOf = ({ runId, facts }: RunHistory): readonly LoggedMessage[] => {
  const all: LoggedMessage[] = [];
  const boxes = new Map<string, LoggedMessage[]>();
  const boxOf = (step: string): LoggedMessage[] => boxes.get(step) ?? [];
  const drop = (step: string): void => {
    for (const message of boxOf(step)) message.ends = message.ends.filter((end) => end !== 'consumed');
  };
  const ended = (step: string, number: number, end: string): void =>
    void boxOf(step)
      .findLast((message) => message.number === number)
      ?.ends.push(end);
  const apply = (fact: RunFact): void => {
    switch (fact.type) {
      case 'message_accepted': {
        const { messageId, number, mode, text } = fact.message;
        const message: LoggedMessage = { runId, step: fact.step, messageId, number, mode, text, ends: [] };
        all.push(message);
        boxes.set(fact.step, [...boxOf(fact.step), message]);
        return;
      }
      case 'message_ended':
        return ended(fact.step, fact.number, fact.state);
      case 'turn_planned':
        for (const number of fact.entry.consumed ?? []) ended(fact.step, number, 'consumed');
        return;
      case 'step_answered':
        if (fact.message !== undefined) ended(fact.step, fact.message, 'consumed');
        return;
      case 'agent_restarted':
        return drop(fact.step);
      case 'step_finished':
        if (fact.retryAt !== undefined && !goesOn(fact)) drop(fact.step);
        return;
      case 'step_pushed_back':
        // Another round begins a mailbox of its own, also when nobody writes to it: no attempt of it takes back what an earlier one had read.
        for (const path of boxes.keys()) if (fact.steps.some((step) => isOf(path, step))) boxes.delete(path);
        return;
      default:
        return;
    }
  };
  for (const fact of facts) apply(fact);
  return all;
};
