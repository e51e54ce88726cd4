import { expect, test } from 'vitest';
import { formatTraceparent, parseTraceparent } from './trace-context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

test('a context is what it was after a journey as text, also one that nobody wants recorded', () => {
  for (const sampled of [true, false]) {
    const context = { traceId, spanId, sampled };
    expect(parseTraceparent(formatTraceparent(context))).toEqual(context);
  }
});

test('a later version may say more behind what is known', () => {
  expect(parseTraceparent(`01-${traceId}-${spanId}-03-more`)).toEqual({ traceId, spanId, sampled: true });
});

test.each([
  ['nothing', undefined],
  ['an empty text', ''],
  ['a trace of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
  ['a span of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['upper-case letters', `00-${traceId.toUpperCase()}-${spanId}-01`],
  ['the version that is forbidden', `ff-${traceId}-${spanId}-01`],
  ['more than the first version has', `00-${traceId}-${spanId}-01-more`],
  ['a line break', `00-${traceId}-${spanId}-01\n`],
  ['a very long text', `01-${traceId}-${spanId}-01-${'x'.repeat(1_000)}`],
])('%s is no context', (_what, text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});
