import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { parseReplayRuns, parseRule, parseScorer } from './parse-rule.ts';
import { parseSteps } from './parse-steps.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});
const fileOf = async (text: string) => {
  const folder = await mkdtemp(join(tmpdir(), 'skein-steps-'));
  folders.push(folder);
  await writeFile(join(folder, 'plan'), text);
  return folder;
};

const plan = [
  { weight: '0.001', minUnits: 100, minDurationMs: 600_000 },
  { weight: '0.05', gate: 'approval' },
  { weight: '1', minUnits: 0, minDurationMs: 0 },
];

test('steps are written on one line, or one per line in a file with comments', async () => {
  expect(await parseSteps('0.1%:100:10m, 0.05:::approval,100%:0:0', '/')).toEqual(plan);
  const folder = await fileOf('# careful\n0.1%:100:10m\n\n5%:::approval # a person\n1:0:0\n');
  expect(await parseSteps('plan', folder)).toEqual(plan);
  expect(await parseSteps(join(folder, 'plan'), '/')).toEqual(plan);
  expect(await parseSteps('none', '/')).toEqual([]);
});

test('a file may hold the list that the API takes', async () => {
  expect(await parseSteps('plan', await fileOf(JSON.stringify(plan)))).toEqual(plan);
  await expect(parseSteps('plan', await fileOf('[{'))).rejects.toMatchObject({ code: 'invalid_argument' });
});

test.each(['5', '5%:x', '5%:1:10', '5%:1:10m:maybe', '5%:1:10m:auto:more', '5%,', 'nowhere', '1/2'])(
  'the steps %j are refused',
  async (text) => {
    await expect(parseSteps(text, '/')).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('--steps'),
    });
  },
);

test('a rule names its metric, then what differs from the defaults', () => {
  expect(parseRule('latency')).toEqual({ metric: 'latency' });
  expect(parseRule('score:polite, margin=0.05, action=pause, minUnits=5, promoteMargin=no, id=kind')).toEqual({
    metric: 'score:polite',
    margin: 0.05,
    action: 'pause',
    minUnits: 5,
    promoteMargin: false,
    id: 'kind',
  });
  expect(parseRule('costUsd,cap=2')).toEqual({ metric: 'costUsd', scale: { kind: 'cap', cap: 2 } });
  expect(parseRule('latency,scale=rank')).toEqual({ metric: 'latency', scale: { kind: 'rank' } });
  expect(parseRule('{"metric":"error","kind":"floor","threshold":0.9}')).toEqual({
    metric: 'error',
    kind: 'floor',
    threshold: 0.9,
  });
});

test.each([
  ['', 'names no metric'],
  ['margin=1', 'names no metric'],
  ['error,margn=1', 'did you mean margin?'],
  ['error,margin', 'no name=value'],
  ['error,margin=much', 'is no number'],
  ['{"metric"', 'is not JSON'],
])('the rule %j is refused and says why', (text, why) => {
  expect(() => parseRule(text)).toThrow(why);
});

test('a scorer is an id, an expression or a JSON object', () => {
  expect(parseScorer('polite')).toEqual({ id: 'polite', kind: 'posted' });
  expect(parseScorer('short=size(outputs.text) <= 80')).toEqual({
    id: 'short',
    kind: 'expression',
    expression: 'size(outputs.text) <= 80',
  });
  const judge = { id: 'a', kind: 'agent', agent: 'judge', rubric: 'Is it kind?' };
  expect(parseScorer(JSON.stringify(judge))).toEqual(judge);
  expect(() => parseScorer('=1')).toThrow('--scorer');
});

test('recorded runs are chosen by what was wrong with them, or by chance', () => {
  expect(parseReplayRuns('failed', '--runs')).toEqual({ runs: { kind: 'failed' } });
  expect(parseReplayRuns('low-score', '--runs')).toEqual({ runs: { kind: 'low_score', below: 0.5 } });
  expect(parseReplayRuns('low-score:0.8', '--runs')).toEqual({ runs: { kind: 'low_score', below: 0.8 } });
  expect(parseReplayRuns('sample:50', '--runs')).toEqual({ runs: { kind: 'sample' }, limit: 50 });
  for (const text of ['all', 'sample:many', 'sample:0', 'low-score:x', 'failed:1:2', '']) {
    expect(() => parseReplayRuns(text, '--runs'), text).toThrow('--runs');
  }
});
