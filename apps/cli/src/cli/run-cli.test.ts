import { DomainError, errorCodes } from '@skein/domain';
import { expect, test } from 'vitest';
import { captureCli, runCommand } from '../../test/capture.ts';
import { answer } from './cli.ts';
import { exitCodeOf } from './exit-code.ts';
import { reportError } from './report-error.ts';

test('help and version are answers', async () => {
  const help = await runCommand(['--help']);
  expect(help.code).toBe(0);
  for (const name of [
    'up',
    'apply',
    'run',
    'runs',
    'logs',
    'cancel',
    'retry',
    'schedule',
    'tokens',
    'doctor',
    'worker',
    'diff',
    'memory',
    'snapshot',
    'send',
    'messages',
    'approvals',
    'approve',
    'reject',
    'push-back',
    'effects',
    'dead-letters',
    'events',
  ]) {
    expect(help.out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  }
  expect(await runCommand(['--version'])).toMatchObject({ code: 0, out: '0.1.0\n' });
});

test.each([
  [['bogus']],
  [['run']],
  [['runs', '--limit', 'many']],
  [['runs', '--status', 'odd']],
  [['up', '--workers', '-1']],
  [['cancel', 'a', 'b']],
  [['apply', '--activate', '--candidate']],
  [['diff', 'triager', 'triager@v2']],
  [['diff', 'triager@v1', 'other@v2']],
  [['memory', 'proposals', '--status', 'odd']],
  [['memory', 'show', 'global', '--revision', '0']],
  [['tokens', 'create', 'x', '--kind', 'root']],
  [['send', 'r', 's', 'text', '--mode', 'manual']],
  [['send', 'r', 's', 'text', '--ttl', '10']],
  [['reject', 'r', 's']],
  [['dead-letters', 'purge', 'dl:x']],
  [['runs', 'show', '', '--url', 'http://127.0.0.1:9', '--token', 't']],
  [['send', 'r', 's', ' ', '--url', 'http://127.0.0.1:9', '--token', 't']],
])('the wrong call %j is 2 and says why, without a stack', async (args) => {
  const { code, err, out } = await runCommand(args);
  expect(code).toBe(2);
  expect(err).toMatch(/error.*\(invalid_argument\)/s);
  expect(err + out).not.toMatch(/\n\s+at /);
});

test('every error code has an exit code, and only nobody there is 3', () => {
  const unreachable = errorCodes.filter((code) => exitCodeOf(code) === 3);
  expect(unreachable).toEqual(['deadline_exceeded', 'unavailable']);
  expect(errorCodes.every((code) => [1, 2, 3].includes(exitCodeOf(code)))).toBe(true);
});

test('what others wrote cannot steer the terminal as JSON either, and is read back as it was', () => {
  const { cli, said } = captureCli();
  const value = { text: 'a\u001b[2J\u009b2Jb\u202e\u2066 c\u007f\u0085\n ü😀' };
  answer(cli, true, value, () => '');
  const text = said.out;
  expect(text).toMatch(/^[\n\u0020-\u007e\u00a0-\u{10ffff}]+$/u);
  expect(text).not.toMatch(/\p{Bidi_Control}/u);
  expect(text).toContain('ü😀');
  expect(JSON.parse(text)).toEqual(value);
});

test.each([
  [['bogus', '--json']],
  [['runs', '--status', 'odd', '--json']],
  [['dead-letters', 'purge', 'dl:x', '--json']],
  [['memory', 'bogus', '--json']],
])('with --json the wrong call %j is one object on stderr', async (args) => {
  const { code, err, out } = await runCommand(args);
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err.trim().split('\n')).toHaveLength(1);
  const { code: named, message } = JSON.parse(err) as { code: string; message: string };
  expect(named).toBe('invalid_argument');
  expect(message).not.toMatch(/^error|outputHelp|^$/);
});

test('what comes after -- does not ask for JSON', async () => {
  const { err } = await runCommand(['reject', 'r', 's', '--', '--json']);
  expect(err).toMatch(/^error/);
});

test('an error says once what is wrong, and what a person needs of its details', () => {
  const textOf = (error: unknown) => {
    const { cli, said } = captureCli();
    reportError(cli, error);
    return said.err;
  };
  const once = { problems: [{ message: 'too short', field: 'text' }] };
  expect(textOf(new DomainError('invalid_argument', 'text: too short', once))).toBe(
    'error text: too short (invalid_argument)\n',
  );
  const hint = { problems: [{ message: 'too short', field: 'text', expected: 'a text' }] };
  expect(textOf(new DomainError('invalid_argument', 'too short', hint))).toBe(
    'error too short (invalid_argument)\n  (expected a text)\n',
  );
  const twice = { problems: [...once.problems, { message: 'unknown', field: 'mode' }] };
  expect(textOf(new DomainError('invalid_argument', 'text: too short', twice)).split('\n')).toHaveLength(4);
  const full = { depth: 100, oldestAgeMs: 65_000, retryAfterMs: 5_000 };
  expect(textOf(new DomainError('mailbox_full', 'the mailbox is full', full))).toBe(
    'error the mailbox is full (mailbox_full)\n  100 unread, the oldest for 1 m 05 s\n  try again in 5.0 s\n',
  );
  expect(textOf(new DomainError('already_exists', 'this key was used', { runId: 'run_1' }))).toContain(
    '\n  it started run_1\n',
  );
});

test('with --json an error is its code, message and details', () => {
  const { cli, said } = captureCli();
  cli.json = true;
  reportError(cli, new DomainError('mailbox_full', 'the mailbox is full', { depth: 100 }));
  expect(JSON.parse(said.err)).toEqual({
    code: 'mailbox_full',
    message: 'the mailbox is full',
    details: { depth: 100 },
  });
});
