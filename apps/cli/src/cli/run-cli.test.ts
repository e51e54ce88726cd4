import { errorCodes } from '@skein/domain';
import { expect, test } from 'vitest';
import { captureCli, runCommand } from '../../test/capture.ts';
import { answer } from './cli.ts';
import { exitCodeOf } from './exit-code.ts';

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
