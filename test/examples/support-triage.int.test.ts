import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack as RunningStack, rootFolder, Stack, skein } from '../e2e/stack.ts';

// The whole example on real processes: it is about runs that call runs, which a single step cannot show.

let stack: RunningStack;
beforeAll(async () => {
  stack = await Stack.start(`${rootFolder}examples/support-triage`);
});
afterAll(async () => {
  await stack?.stop();
  stack?.remove();
});

interface CalledRun {
  readonly runId: string;
  readonly dag: string;
  readonly status: string;
}

interface Answer {
  readonly status: string;
  readonly outputs: { readonly [name: string]: unknown };
}

const called = async (runId: string) =>
  (await stack.call<{ items: readonly CalledRun[] }>('GET', `/api/runs?parent=${runId}`)).body.items;

const output = async (runId: string, step: string, name: string) =>
  (await stack.call<{ value: unknown }>('GET', `/api/runs/${runId}/steps/${step}/outputs/${name}`)).body.value;

const log = async (runId: string, step: string) => (await skein(stack, 'logs', runId, step)).stdout;

const patience = 300_000;

test(
  'each ticket gets a topic, an urgency, an article and a run of its own, and memory learns who asked',
  async () => {
    const run = await stack.finished((await stack.submit('support-triage')).runId);
    expect([run.status, run.error]).toEqual(['succeeded', undefined]);

    const answers = (await output(run.runId, 'handle', 'results')) as readonly Answer[];
    expect(answers.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded']);
    expect(answers.map(({ outputs }) => [outputs['id'], outputs['topic'], outputs['urgency']])).toEqual([
      ['T-1', 'billing', 'today'],
      ['T-2', 'bug', 'today'],
      ['T-3', 'access', 'now'],
      ['T-4', 'question', 'later'],
    ]);
    expect(answers[0]?.outputs['answer']).toBe('Refunds take five working days. Invoices are under Settings, Billing.');
    expect(answers[3]?.outputs['answer']).toBe('There is no article about this.');

    const children = await called(run.runId);
    expect(children.map(({ dag, status }) => `${dag} ${status}`)).toEqual(Array(4).fill('handle-ticket succeeded'));
    const report = (await log(run.runId, 'report')).trim().split('\n');
    expect(report.map((line) => line.split('  ').slice(0, 2))).toEqual([
      ['T-3', 'now'],
      ['T-1', 'today'],
      ['T-2', 'today'],
      ['T-4', 'later'],
    ]);
    expect(await log(run.runId, '@exit')).toContain('triage of this batch is over');

    await skein(stack, 'memory', 'fold');
    const { stdout } = await skein(stack, 'memory', 'show', 'agent/triager');
    expect(stdout.trim().split('\n').toSorted()).toEqual([
      '- The desk answers in the order now, today, later.',
      '- hopper.example asked about bug.',
      '- lovelace.example asked about billing.',
      '- shelley.example asked about question.',
      '- turing.example asked about access.',
    ]);

    expect((await skein(stack, 'memory', 'revert', run.runId)).exitCode).toBe(0);
    expect((await skein(stack, 'memory', 'show', 'agent/triager')).stdout.trim()).toBe(
      '- The desk answers in the order now, today, later.',
    );
  },
  patience,
);

test(
  'a ticket without a sender fails its run and the whole one; the handler says why, and the others are answered',
  async () => {
    const tickets = [
      { id: 'T-8', from: 'ada@lovelace.example', text: 'Where is my refund?' },
      { id: 'T-9', from: 'nobody', text: 'Refund me' },
    ];
    const run = await stack.finished((await stack.submit('support-triage', { tickets })).runId);
    expect(run.status).toBe('failed');
    const { handlers } = run as typeof run & { readonly handlers: typeof run.steps };
    expect([...run.steps, ...handlers].map(({ id, status }) => `${id} ${status}`)).toEqual([
      'sort succeeded',
      'handle failed',
      'report skipped',
      '@failure succeeded',
      '@exit succeeded',
    ]);
    expect(await log(run.runId, '@failure')).toMatch(
      /^The desk must look at this itself\. .*handle\[1\].*check failed/,
    );
    expect((await called(run.runId)).map(({ status }) => status).toSorted()).toEqual(['failed', 'succeeded']);
    const failed = (await called(run.runId)).find(({ status }) => status === 'failed');
    expect(await log(failed?.runId ?? '', 'check')).toContain('ticket T-9 has no sender that can be answered');
  },
  patience,
);

test(
  'the snapshot holds the agent with its soul, skills, tools and memory, and who asked for each',
  async () => {
    const run = await stack.finished((await stack.submit('support-triage')).runId);
    const { stdout } = await skein(stack, 'snapshot', 'inspect', run.snapshotDigest ?? '', '--json');
    const { manifest } = JSON.parse(stdout) as {
      manifest: { parts: readonly { kind: string; name: string; askedBy: readonly string[] }[] };
    };
    expect(manifest.parts.map(({ kind, name }) => `${kind} ${name.replace(/@.*/, '')}`)).toEqual([
      'agent triager',
      'model default',
      'soul desk',
      'skill topics',
      'skill urgency',
      'tools tools',
      'memory agent/triager',
    ]);
    expect(manifest.parts[0]?.askedBy).toEqual([
      'support-triage/sort',
      'handle-ticket/urgency',
      'handle-ticket/answer',
    ]);
  },
  patience,
);
