import type { JsonValue } from '@skein/domain';
import { expect, test } from 'vitest';
import { createStepLog } from './step-log.ts';

const logOf = (redact = (value: JsonValue) => value) => {
  let written = '';
  const sink = { started: () => {}, log: (bytes: Uint8Array) => (written += new TextDecoder().decode(bytes)) };
  return { stepLog: createStepLog(sink, redact), written: () => written };
};

test.each(['\n', '\r', '\r\n', '\u0085', '\u2028', '\u2029'])(
  'a line break %j in what is logged begins no line',
  (lineBreak) => {
    const { stepLog, written } = logOf();
    stepLog.note(`one${lineBreak}[skein] two`);
    expect(written()).toBe('[skein] one [skein] two\n');
  },
);

test('a line of its own begins a line, also after text without an end', () => {
  const { stepLog, written } = logOf();
  stepLog.text('half');
  stepLog.call('read', { path: 'a' });
  expect(written()).toBe('half\n[tool] read {"path":"a"}\n');
});

test('a secret is taken out of a line before the line is cut', () => {
  const { stepLog, written } = logOf((value) => (value as string).replaceAll('hunter2-and-more', '[redacted]'));
  stepLog.call('bash', { command: `${'x'.repeat(206)}hunter2-and-more` });
  expect(written()).not.toContain('hunt');
  expect(written()).toContain('[reda');
});
