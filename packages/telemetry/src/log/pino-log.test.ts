import { expect, test } from 'vitest';
import { createPinoLog } from './pino-log.ts';

const collect = (pretty = false) => {
  const lines: string[] = [];
  const log = createPinoLog({ level: 'debug', pretty, fields: { app: 'test' }, write: (line) => lines.push(line) });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as { [key: string]: unknown } };
};

test('writes one JSON object a line with level, message and fields', () => {
  const { log, last } = collect();
  log.child({ runId: 'run_1' }).warn('lease lapsed', { attempt: 2 });
  expect(last()).toMatchObject({ level: 'warn', message: 'lease lapsed', app: 'test', runId: 'run_1', attempt: 2 });
  expect(Number.isNaN(Date.parse(String(last()['at'])))).toBe(false);
});

test('replaces secrets wherever they hide, also in child fields', () => {
  const { log, lines } = collect();
  log.info('joined', { token: 'sk-1', request: { authorization: 'sk-2', headers: { cookie: 'sk-3' } } });
  log.child({ password: 'sk-4' }).info('again', { apiKey: 'sk-5' });
  expect(lines.join('')).not.toContain('sk-');
  expect(lines.join('').match(/\[redacted\]/g)).toHaveLength(5);
});

test('keeps message, stack and cause of an error', () => {
  const { log, last } = collect();
  log.error('failed', { error: new Error('outer', { cause: new Error('inner') }) });
  expect(JSON.stringify(last()['error'])).toContain('inner');
});

test('is silent below its level', () => {
  const lines: string[] = [];
  const log = createPinoLog({ level: 'warn', write: (line) => lines.push(line) });
  log.info('hidden');
  log.warn('shown');
  expect(lines).toHaveLength(1);
});

test('the readable form is one line with the fields as pairs', () => {
  const { log, lines } = collect(true);
  log.info('worker joined', { workerId: 'wrk_1', slots: 4, error: new Error('late') });
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}test worker joined workerId=wrk_1 slots=4 error="late"\n$/);
});
