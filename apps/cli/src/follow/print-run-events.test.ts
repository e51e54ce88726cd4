import type { SkeinClient, WatchedEvent } from '@skein/sdk';
import { expect, test } from 'vitest';
import { captureCli } from '../../test/capture.ts';
import { printRunEvents, type RunEventsOptions } from './print-run-events.ts';

const event = (seq: number, type: string, data: object): WatchedEvent =>
  ({ seq, type, at: '2026-11-02T03:04:05.678Z', runId: 'run_1', data }) as unknown as WatchedEvent;

const log = [
  event(1, 'step_pushed_back', { step: 'ask', to: 'write', by: 'ada', feedback: 'shorter\u001b[2J', round: 1 }),
  event(2, 'step_answered', {
    step: 'ask',
    by: 'bob',
    decision: 'approved',
    reason: 'fine',
    result: { outcome: { status: 'succeeded' } },
  }),
  event(3, 'run_finished', { status: 'succeeded' }),
];

const printed = async (options: RunEventsOptions): Promise<string> => {
  const { cli, said } = captureCli();
  const runs = {
    get: async () => ({}),
    watch: async function* (_runId: string, { after = 0 } = {}) {
      yield* log.filter(({ seq }) => seq > after);
    },
  };
  await printRunEvents(cli, { runs } as unknown as SkeinClient, 'run_1', options);
  return said.out;
};

test('the log of a run says who pushed back and who approved, and why', async () => {
  const out = await printed({});
  expect(out).toMatch(/^#\s+AT \(UTC\)\s+EVENT\s+STEP\s+WHAT\n/);
  expect(out).toMatch(/^1 .*step_pushed_back\s+ask\s+to write, round 1, by ada, feedback shorter\[2J$/m);
  expect(out).toMatch(/^2 .*step_answered\s+ask\s+succeeded, decision approved, by bob, reason fine$/m);
  expect(await printed({ follow: true })).toContain('by bob');
});

test('some of them, and as JSON one per line', async () => {
  expect(await printed({ limit: 2 })).toMatch(/\nmore: --after 2\n$/);
  const lines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as WatchedEvent).seq);
  expect(lines(await printed({ last: 2, json: true }))).toEqual([2, 3]);
  expect(lines(await printed({ last: 1, follow: true, json: true }))).toEqual([3]);
  expect(lines(await printed({ after: 1, json: true }))).toEqual([2, 3]);
});
