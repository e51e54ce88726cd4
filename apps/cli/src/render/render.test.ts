import type { RunView, StepView } from '@skein/domain';
import type { ApplyOutcome } from '@skein/sdk';
import picocolors from 'picocolors';
import { expect, test } from 'vitest';
import { stepChanges } from '../follow/step-changes.ts';
import { formatBytes, formatDuration, formatInstant, safeText, shortDigest, shortId } from './format.ts';
import { renderApply } from './render-plan.ts';
import { renderRun } from './render-run.ts';
import { renderStep } from './render-step.ts';
import { cell, renderTable } from './render-table.ts';

const plain = picocolors.createColors(false);

const step = (id: string, more: Partial<StepView> = {}): StepView => ({
  id,
  status: 'pending',
  attempt: 0,
  outputs: {},
  ...more,
});

const run = (...steps: StepView[]): RunView => ({
  runId: 'run_1',
  dag: 'hello',
  dagDigest: `sha256:${'a'.repeat(64)}`,
  status: 'running',
  params: {},
  routingContext: {},
  createdAt: '2026-11-02T03:04:05.678Z',
  agents: {},
  steps,
  partial: false,
});

test('numbers get the unit that people read best', () => {
  expect([0, 999, 1_000, 59_949, 60_000, 3_599_000, 7_260_000].map(formatDuration)).toEqual([
    '0 ms',
    '999 ms',
    '1.0 s',
    '59.9 s',
    '1 m 00 s',
    '59 m 59 s',
    '2 h 01 m',
  ]);
  expect([0, 1_023, 1_024, 5 * 1_024 ** 2, 3 * 1_024 ** 3].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '5.0 MiB',
    '3.0 GiB',
  ]);
  expect(formatInstant('2026-11-02T03:04:05.678Z')).toBe('2026-11-02 03:04:05');
  expect(shortDigest(`sha256:${'b'.repeat(64)}`)).toBe('sha256:bbbbbbbbbbbb');
  expect(shortId('wrk_01a1fb91-14d3-7209-aaa8-989256a189f1')).toBe('wrk_…56a189f1');
});

test('a value cannot steer the terminal or break its row', () => {
  expect(safeText('a\u001b[2Jb\u009bc\u0007\r\nd\te')).toBe('a[2Jbc\nd\te');
  expect(safeText('ok\u202egpj.exe\u2066')).toBe('okgpj.exe');
  expect(cell('one\n  two')).toBe('one two');
});

test('a table has aligned columns, or says that it is empty', () => {
  const text = renderTable(
    plain,
    ['name', 'n'],
    [
      ['a', '1'],
      ['long name', '22'],
    ],
  );
  expect(text.split('\n')).toEqual(['NAME       N', 'a          1', 'long name  22']);
  expect(renderTable(plain, ['name'], [], 'no names')).toBe('no names');
});

test('a run shows why its steps wait or failed, and the counts of fan-outs', () => {
  const text = renderRun(
    plain,
    run(
      step('a', { status: 'failed', attempt: 2, error: { code: 'internal', message: 'broke\nbadly' } }),
      step('b', { status: 'running', items: { count: 9, succeeded: 3, failed: 1, running: 2 } }),
      step('c', { status: 'ready', waitReason: 'all_slots_busy' }),
    ),
    Date.parse('2026-11-02T03:05:00Z'),
  );
  expect(text).toMatch(/^a\s+failed\s+2\s+broke badly$/m);
  expect(text).toMatch(/^b\s+running\s+4\/9 items, 1 failed$/m);
  expect(text).toMatch(/^c\s+ready\s+all_slots_busy$/m);
});

test('progress has a line for each change and none for what stayed', () => {
  const now = Date.parse('2026-11-02T03:05:00Z');
  const before = run(step('a', { status: 'running', attempt: 1 }), step('b'));
  const after = run(step('a', { status: 'succeeded', attempt: 1, durationMs: 1_500 }), step('b'));
  expect(stepChanges(plain, undefined, before, now)).toEqual(['a  running']);
  expect(stepChanges(plain, before, after, now)).toEqual(['a  succeeded  1.5 s']);
  expect(stepChanges(plain, after, after, now)).toEqual([]);
});

test('an apply reads like a diff: what is new, how it changed, what stays, and what runs will not use yet', () => {
  const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
  const outcome: ApplyOutcome = {
    dryRun: true,
    agents: [],
    dags: [],
    memory: [],
    warnings: [],
    plan: {
      agents: [
        {
          agentId: 'triager',
          change: 'updated',
          versionId: digest('b'),
          version: { before: 'v1', after: 'v2' },
          active: { before: 'v1', after: 'v1' },
          candidate: { after: 'v2' },
          changes: [
            { path: 'limits.maxTurns', kind: 'changed', before: 3, after: 5 },
            { path: 'instructions', kind: 'changed', lines: ['-Be brief.', '+Be \u001b[2Jexact.'] },
          ],
        },
        {
          agentId: 'writer',
          change: 'unchanged',
          versionId: digest('c'),
          version: { before: 'v4', after: 'v4' },
          active: { before: 'v4', after: 'v4' },
          candidate: {},
          changes: [],
        },
      ],
      dags: [
        {
          name: 'daily',
          change: 'updated',
          before: digest('d'),
          digest: digest('e'),
          steps: { added: ['mail'], removed: [], changed: ['triage'] },
          fields: ['schedule'],
        },
      ],
      parts: [],
      memory: [{ scope: 'global', change: 'kept' }],
    },
  };
  expect(renderApply(plain, outcome).split('\n')).toEqual([
    '~ DAG daily sha256:dddddddddddd -> sha256:eeeeeeeeeeee',
    '    + step mail',
    '    ~ step triage',
    '    ~ schedule',
    '~ agent triager v1 -> v2 sha256:bbbbbbbbbbbb',
    '    candidate: none -> v2',
    '    ~ limits.maxTurns: 3 -> 5',
    '    ~ instructions',
    '        -Be brief.',
    '        +Be [2Jexact.',
    '  memory global kept: the store owns it since it was written first',
    '  unchanged: 1 agent',
    'note triager v2 is not active; runs use v1 (skein rollout start triager v2)',
    'dry run: nothing was changed',
  ]);
});

test('an apply that makes a version active says so, and has nothing to note', () => {
  const agent = {
    agentId: 'triager',
    change: 'created',
    versionId: `sha256:${'b'.repeat(64)}`,
    version: { after: 'v1' },
    active: { after: 'v1' },
    candidate: {},
    changes: [],
  } as const;
  const plan = { agents: [agent], dags: [], parts: [], memory: [] };
  expect(
    renderApply(plain, { dryRun: false, agents: [], dags: [], memory: [], warnings: [], plan }).split('\n'),
  ).toEqual(['+ agent triager v1 sha256:bbbbbbbbbbbb', '    active: none -> v1']);
});

test('a run says which version and which arm of which rollout it got, and why', () => {
  const versionId = `sha256:${'b'.repeat(64)}`;
  const rolloutId = 'rol_01a1fbca-4cf7-73cd-9cfd-319d468805d3';
  const agents = {
    writer: { versionId, source: 'segments', rolloutId, arm: 1 },
    triager: { versionId, source: 'stable', rolloutId, arm: 0, because: 'unrouted' },
  };
  const named = { writer: { alias: 'v2', arm: 'candidate' } };
  expect(renderRun(plain, { ...run(step('fetch')), agents }, 0, named)).toMatch(
    /^agents\s+writer v2 sha256:b{12} \(segments, candidate of rol_…468805d3\), triager sha256:b{12} \(stable, arm 0 of rol_…468805d3: unrouted\)$/m,
  );
});

test('a run shows its handlers, the runs that it called, and the memory that it sees', () => {
  const text = renderRun(
    plain,
    {
      ...run(step('fetch', { status: 'waiting', attempt: 1, childRunId: 'run_2' })),
      parentRunId: 'run_0',
      memory: { 'agent/triager': 7 },
      handlers: [step('@failure', { status: 'succeeded', attempt: 1 })],
    },
    0,
  );
  expect(text).toMatch(/^fetch\s+waiting\s+1\s+called run_2$/m);
  expect(text).toMatch(/^@failure\s+succeeded\s+1$/m);
  expect(text).toMatch(/^memory\s+agent\/triager r7$/m);
  expect(text).toMatch(/^called by\s+run_0$/m);
});

test('a run shows its last push-back, and a step that waited how it ended instead of what it used', () => {
  const feedback = { round: 1, to: 'write', by: 'ada', text: 'shorter\nplease\u001b[2J' };
  expect(renderRun(plain, { ...run(step('ask')), feedback }, 0)).toContain(
    'feedback  from ada, to write, round 1: shorter please[2J\n',
  );
  const detail = { runId: 'run_1', attempts: [], turns: [], totals: { turns: 0, toolCalls: 0 } };
  const shown = (more: Partial<StepView>) =>
    renderStep(plain, { step: step('ask', more), detail } as unknown as Parameters<typeof renderStep>[1], 0);
  const at = '2026-11-02T03:04:05.678Z';
  const answered = shown({ answer: { decision: 'approved', by: 'bob', reason: 'fine', at } });
  expect(answered).toContain('answer    approved by bob at 2026-11-02 03:04:05: fine\n');
  expect(answered).not.toMatch(/used|no attempts yet/);
  expect(shown({ answer: { decision: 'time', by: 'time', at } })).toContain('answer    time at 2026-11-02 03:04:05\n');
  expect(shown({ status: 'waiting', wait: { for: 'approval' } })).not.toMatch(/used|no attempts yet/);
  expect(shown({})).toMatch(/used[^]*no attempts yet/);
});
