import type { ErrorData, RunFact } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { messagesOf } from './mailboxes.ts';
import { transcriptsOf } from './transcripts.ts';

const ref = { v: 1, at: 0, step: 'a', attempt: 1, token: 1 } as const;
const leased: RunFact = { type: 'step_leased', ...ref, workerId: 'w1', sessionId: 's' };
const accepted = (messageId: string, number = 1, step = 'a'): RunFact => ({
  type: 'message_accepted',
  v: 1,
  at: 0,
  step,
  message: { messageId, number, sender: 'ada', mode: 'next_turn', text: `text of ${messageId}` },
});
const turn = (number: number, consumed?: readonly number[], step = 'a'): RunFact => ({
  type: 'turn_planned',
  ...ref,
  step,
  entry: {
    type: 'turn',
    thread: '',
    turn: number,
    delta: { inline: {} },
    finishReason: 'stop',
    calls: [],
    usage: { inputTokens: 1, outputTokens: 1 },
    ...(consumed === undefined ? {} : { consumed }),
  },
});
const ended = { ...ref, type: 'step_finished', workerId: 'w1', startedAt: 0 } as const;
const succeeded: RunFact = { ...ended, result: { outcome: { status: 'succeeded' }, outputs: {}, durationMs: 1 } };
const triedAgain = (code: ErrorData['code'], step = 'a'): RunFact => ({
  ...ended,
  step,
  result: { outcome: { status: 'failed', error: { code, message: 'no' } }, outputs: {}, durationMs: 1 },
  retryAt: 1,
});
const pushedBack: RunFact = {
  type: 'step_pushed_back',
  v: 1,
  at: 0,
  step: 'gate',
  to: 'a',
  by: 'ann',
  feedback: 'once more',
  round: 1,
  steps: ['a', 'gate'],
};

/** Ids and ends of the messages of a log. */
const endsOf = (facts: readonly RunFact[]): readonly string[] =>
  messagesOf({ runId: 'r', facts }).map(({ messageId, ends }) => `${messageId} ${ends.join()}`);

describe('what a log tells of messages', () => {
  test('takes the reading back with the transcript that a failure drops', () => {
    const facts = [leased, accepted('m1'), turn(1, [1]), triedAgain('invalid_argument'), leased];
    expect(endsOf(facts)).toEqual(['m1 ']);
    expect(endsOf([...facts, turn(1, [1]), succeeded])).toEqual(['m1 consumed']);
  });

  test('leaves what an earlier round had read alone, also when nobody writes to the later one and an attempt of it fails', () => {
    const first = [leased, accepted('m1'), turn(1, [1]), succeeded, pushedBack];
    const second = [leased, turn(1), triedAgain('invalid_argument'), leased, turn(1), succeeded];
    expect(endsOf([...first, ...second])).toEqual(['m1 consumed']);
  });

  test('begins a mailbox with each round, for items too', () => {
    const item = 'a[0]';
    const first = [accepted('m1', 1, item), turn(1, [1], item), pushedBack];
    expect(endsOf([...first, triedAgain('invalid_argument', item)])).toEqual(['m1 consumed']);
    expect(endsOf([...first, accepted('m2', 1, item), turn(1, [1], item)])).toEqual(['m1 consumed', 'm2 consumed']);
  });

  test('keeps what was read by a transcript that goes on after something was away', () => {
    const facts = [leased, accepted('m1'), turn(1, [1]), triedAgain('unavailable'), leased, turn(2), succeeded];
    expect(endsOf(facts)).toEqual(['m1 consumed']);
    expect(transcriptsOf({ runId: 'r', facts }).all.map(({ entries }) => entries.length)).toEqual([2]);
  });
});
