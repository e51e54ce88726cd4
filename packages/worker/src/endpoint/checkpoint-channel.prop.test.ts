import type { CheckpointEntry } from '@skein/domain';
import type { WorkerMessage } from '@skein/ports';
import { FakeClock } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CheckpointChannel } from './checkpoint-channel.ts';

const task = { runId: 'run_1', step: 'a', attempt: 1, token: 1 };
const entry = (number: number): CheckpointEntry => ({ type: 'reply', number, text: '' });
const restart: CheckpointEntry = { type: 'restart', reason: 'lost' };

type Checkpoint = Extract<WorkerMessage, { type: 'checkpoint' }>;

/** The log of one task, with the rules of the coordinator: a repetition is answered again, a hole is an error. */
class Log {
  transcript: CheckpointEntry[];
  history: CheckpointEntry[] = [];
  restarts = 0;

  constructor(resumed: number) {
    this.transcript = Array.from({ length: resumed }, (_, index) => entry(index + 1_000));
  }

  take({ index, entries }: Checkpoint): number {
    if (entries[0]?.type === 'restart') {
      expect(entries).toHaveLength(1);
      if (this.restarts === 0) {
        expect(index).toBe(this.transcript.length);
        this.restarts = 1;
        this.transcript = [];
      } else expect(this.transcript).toEqual([]); // nothing was on the way behind it
      return index + 1;
    }
    expect(index).toBeLessThanOrEqual(this.transcript.length);
    const fresh = entries.slice(this.transcript.length - index);
    expect(entries.slice(0, entries.length - fresh.length)).toEqual(
      this.transcript.slice(index, index + entries.length - fresh.length),
    );
    this.transcript.push(...fresh);
    this.history.push(...fresh);
    return index + entries.length;
  }
}

const acts = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ act: fc.constant('record' as const), count: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 4, arbitrary: fc.record({ act: fc.constantFrom('deliver' as const, 'answer' as const) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constantFrom('cut' as const, 'silence' as const) }) },
  ),
  { maxLength: 60 },
);

test('whatever is cut, lost or repeated: each entry is in the log once and in order before it counts as durable', async () => {
  await fc.assert(
    fc.asyncProperty(acts, fc.integer({ min: 0, max: 3 }), fc.boolean(), async (script, resumed, restarts) => {
      const clock = new FakeClock();
      const log = new Log(resumed);
      let up: Checkpoint[] = [];
      let down: number[] = [];
      const channel = new CheckpointChannel(clock, {
        isOpen: () => true,
        send: (message) => void up.push(message as Checkpoint),
      });
      let index = resumed;
      let made = 0;
      const durable: Promise<void>[] = [];
      const record = (entries: readonly CheckpointEntry[]): void => {
        const last = entries.at(-1) as CheckpointEntry;
        durable.push(
          channel.record(task, index, entries).then(() => {
            expect(last.type === 'restart' ? log.restarts === 1 : log.history.includes(last)).toBe(true);
          }),
        );
        for (const { type } of entries) index = type === 'restart' ? 0 : index + 1;
      };
      const deliver = (): void => {
        const message = up.shift();
        if (message !== undefined) down.push(log.take(message));
      };
      const answer = (): void => {
        const count = down.shift();
        if (count !== undefined) channel.onRecorded(task, count);
      };
      if (restarts) record([restart]);
      for (const step of script) {
        if (step.act === 'record') record(Array.from({ length: step.count }, () => entry(++made)));
        else if (step.act === 'deliver') deliver();
        else if (step.act === 'answer') answer();
        else if (step.act === 'silence') {
          await clock.advance(10_000);
          channel.resend(5_000);
        } else {
          up = [];
          down = [];
          channel.streamOpened();
        }
        await Promise.resolve();
      }
      up = [];
      down = [];
      channel.streamOpened();
      while (up.length > 0 || down.length > 0) {
        deliver();
        answer();
      }
      await Promise.all(durable);
      expect(log.history.map((each) => (each.type === 'reply' ? each.number : 0))).toEqual(
        Array.from({ length: made }, (_, place) => place + 1),
      );
    }),
    { numRuns: 200 },
  );
});
