import { afterEach, expect, test } from 'vitest';
import { scriptedApi } from '../../test/scripted-api.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const id = 'run_01a1fbca-4cf7-73cd-9cfd-319d468805d3';
const log = 'a\u001b[2J\u001b[31mred\u001b[0m\u009b1A\r\nold\rnew\n';

const serve = async (attempt: number) => {
  const api = await scriptedApi({
    [`GET /api/runs/${id}/steps/write`]: { step: { id: 'write', status: 'failed', attempt, outputs: {} }, detail: {} },
    [`GET /api/runs/${id}/steps/write/log`]: { text: log },
  });
  closers.push(api.close);
  return api;
};

test('a log cannot steer a terminal, unless it is asked for as it is; a pipe gets it as it is', async () => {
  const api = await serve(1);
  expect((await api.skein('logs', id, 'write')).out).toBe(log);
  expect((await api.terminalSkein('logs', id, 'write')).out).toBe('ared\nold\nnew\n');
  expect((await api.terminalSkein('logs', id, 'write', '-f')).out).toBe('ared\nold\nnew\n');
  expect((await api.terminalSkein('logs', id, 'write', '--raw')).out).toBe(log);
});

test('says which attempt it shows when there are others, beside the log', async () => {
  const said = async (attempt: number, ...args: string[]) =>
    (await (await serve(attempt)).skein('logs', id, 'write', ...args)).err;
  expect(await said(1)).toBe('');
  expect(await said(3)).toBe('attempt 3 of 3; another one: --attempt N\n');
  expect(await said(3, '--attempt', '1')).toBe('attempt 1 of 3; another one: --attempt N\n');
  expect(await said(3, '--json')).toBe('');
});
