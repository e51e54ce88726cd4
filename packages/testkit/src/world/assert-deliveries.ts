import type { RunFact } from '@skein/domain';
import type { History, Report } from './history.ts';
import { judge } from './history.ts';
import { messagesOf } from './mailboxes.ts';

const count = (keys: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
};

/** Refusals at the door: they have an event and no fact. */
const atTheDoor: ReadonlySet<string> = new Set(['mailbox_full', 'illegal_transition', 'not_found']);

/** What the events of a run's facts must be: kind, run, step and item. */
const expectedOf = (runId: string, facts: readonly RunFact[]): readonly string[] => {
  const names = new Map<string, string>();
  const keys: string[] = [];
  for (const fact of facts) {
    if (fact.type === 'message_accepted') names.set(`${fact.step} ${fact.message.number}`, fact.message.messageId);
    if (fact.type === 'message_ended') {
      const messageId = fact.message?.messageId ?? names.get(`${fact.step} ${fact.number}`) ?? '';
      keys.push(`${fact.state} ${runId} ${fact.step} ${messageId}`);
    }
    if (fact.type === 'step_lost' && fact.deadLetter !== undefined)
      keys.push(`dead_lettered ${runId} ${fact.step} dl:${runId}:${fact.step}:${fact.token}`);
  }
  return keys;
};

/**
 * Whatever left the normal way says so: the delivery stream has no holes, one event per item that the logs say ended, none besides,
 * and one dead letter for each that was given up. Throws, or tells `report`.
 */
export const assertNoDroppedDeliveries = (
  history: Pick<History, 'runs' | 'events' | 'deadLetters'>,
  report?: Report,
): void =>
  judge('dropped deliveries', report, (say) => {
    history.events.forEach(({ seq }, index) => {
      const before = history.events[index - 1]?.seq ?? 0;
      if (seq !== before + 1) say(`delivery event ${seq} follows ${before}`);
    });
    const wanted = count(history.runs.flatMap(({ runId, facts }) => expectedOf(runId, facts)));
    const told = count(
      history.events.flatMap(({ kind, runId, step, itemId, reason }) =>
        kind === 'expired' || kind === 'dead_lettered' || (kind === 'rejected' && !atTheDoor.has(reason))
          ? [`${kind} ${runId} ${step} ${itemId}`]
          : [],
      ),
    );
    for (const [key, times] of wanted)
      if (told.get(key) !== times) say(`${key}: ${told.get(key) ?? 0} events for ${times} ends`);
    for (const key of told.keys()) if (!wanted.has(key)) say(`${key}: an event of something that no log tells`);
    const letters = history.deadLetters.length;
    const given = [...wanted].reduce((sum, [key, times]) => sum + (key.startsWith('dead_lettered ') ? times : 0), 0);
    if (letters !== given) say(`${letters} dead letters for ${given} items that were given up`);
  });

/** What was accepted is there, and has ended once: runs, and messages. Throws, or tells `report`. */
export const assertNoLost = (history: Pick<History, 'runs' | 'accepted' | 'acceptedMessages'>, report?: Report): void =>
  judge('lost', report, (say) => {
    const runs = new Map(history.runs.map((run) => [run.runId, run]));
    for (const { runId } of history.accepted) if (!runs.has(runId)) say(`accepted run ${runId} is lost`);
    const messages = history.runs.flatMap(messagesOf);
    for (const { runId, facts } of history.runs) {
      const ends = facts.filter(({ type }) => type === 'run_finished').length;
      if (ends !== 1) say(`run ${runId} has ${ends} ends`);
      if (facts.at(-1)?.type !== 'run_finished') say(`run ${runId} goes on after its end`);
      if (facts[0]?.type !== 'run_submitted' || facts.filter(({ type }) => type === 'run_submitted').length !== 1)
        say(`run ${runId} was not submitted exactly once`);
    }
    for (const { runId, step, messageId } of history.acceptedMessages) {
      const times = messages.filter(
        (one) => one.runId === runId && one.step === step && one.messageId === messageId,
      ).length;
      if (times !== 1) say(`message ${messageId} to ${runId} ${step} was accepted and is in the log ${times} times`);
    }
    for (const { runId, step, number, ends } of messages)
      if (ends.length === 0) say(`${runId} ${step}: message ${number} has no end`);
  });
