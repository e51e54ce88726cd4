import type { MessageMode, PlannedCall } from '@skein/domain';
import type { History, Report } from './history.ts';
import { judge } from './history.ts';
import { messagesOf } from './mailboxes.ts';
import type { Transcript } from './transcripts.ts';
import { transcriptsOf } from './transcripts.ts';

/** A message is read once in the transcript that counts, and not after it ended otherwise. Throws, or tells `report`. */
export const assertConsumedOnce = (history: Pick<History, 'runs'>, report?: Report): void =>
  judge('not consumed once', report, (say) => {
    for (const run of history.runs) {
      for (const { step, messageId, number, ends } of messagesOf(run)) {
        if (ends.length > 1)
          say(`${run.runId} ${step}: message ${number} (${messageId}) ended ${ends.length} times: ${ends.join(', ')}`);
      }
      for (const { step, entries } of transcriptsOf(run).all) {
        const numbers = entries.flatMap(({ entry }) => (entry.type === 'turn' ? (entry.consumed ?? []) : []));
        if (new Set(numbers).size < numbers.length)
          say(`${run.runId} ${step}: a message was read twice: ${numbers.join()}`);
      }
    }
  });

/** Turns of a conversation follow one another, and each planned call has its one result before the next turn. */
const checkTranscript = ({ runId, step, entries }: Transcript, say: Report): void => {
  const open = new Map<string, Map<number, PlannedCall>>();
  const turns = new Map<string, number>();
  for (const { entry } of entries) {
    if (entry.type === 'turn') {
      const { thread, turn } = entry;
      const before = turns.get(thread) ?? 0;
      if (turn !== before + 1) say(`${runId} ${step}: turn ${turn} of "${thread}" follows turn ${before}`);
      const left = open.get(thread)?.size ?? 0;
      if (left > 0) say(`${runId} ${step}: turn ${turn} of "${thread}" begins while ${left} calls have no result`);
      turns.set(thread, turn);
      open.set(thread, new Map(entry.calls.map((call) => [call.index, call])));
    } else if (entry.type === 'tool') {
      const { thread, turn, index, callId } = entry;
      const calls = open.get(thread);
      if (turns.get(thread) !== turn || calls?.get(index)?.callId !== callId)
        say(`${runId} ${step}: result ${turn}:${index} of "${thread}" is of no open call`);
      calls?.delete(index);
    }
  }
};

/**
 * What has an order keeps it: messages of a mailbox are numbered as they were accepted and, of each mode, read in that order; turns and
 * results of a conversation are complete and in order. Throws, or tells `report`.
 */
export const assertOrderPerKey = (history: Pick<History, 'runs'>, report?: Report): void =>
  judge('out of order', report, (say) => {
    for (const run of history.runs) {
      const modes = new Map<string, MessageMode>();
      const last = new Map<string, number>();
      const messages = messagesOf(run);
      for (const { step, number, mode } of messages) {
        modes.set(`${step} ${number}`, mode);
        const before = last.get(step) ?? 0;
        if (number !== before + 1 && number !== 1) say(`${run.runId} ${step}: message ${number} follows ${before}`);
        last.set(step, number);
      }
      for (const transcript of transcriptsOf(run).all) {
        checkTranscript(transcript, say);
        const read = new Map<MessageMode, number>();
        // Modes are those of the last round; earlier rounds are not judged by them.
        const isLast = messages.filter(({ step, number }) => step === transcript.step && number === 1).length <= 1;
        for (const { entry } of isLast ? transcript.entries : []) {
          for (const number of entry.type === 'turn' ? (entry.consumed ?? []) : []) {
            const mode = modes.get(`${transcript.step} ${number}`);
            if (mode === undefined) say(`${run.runId} ${transcript.step}: message ${number} was read and never sent`);
            else if ((read.get(mode) ?? 0) > number)
              say(`${run.runId} ${transcript.step}: message ${number} was read after ${read.get(mode)}`);
            else read.set(mode, number);
          }
        }
      }
    }
  });
