import { rmSync } from 'node:fs';
import type { RunView, StepView } from '@skein/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { eventually, folderWith, isAlive, Stack, skein } from './stack.ts';

const ledger = new Ledger();

/** Every handler of `names` writes a line; `changes` says what one of them is instead. */
const handlers = (key: string, changes: Readonly<Record<string, string>> = {}): string =>
  ['init', 'success', 'failure', 'abort', 'exit']
    .map((name) => `  ${name}:\n    script: |\n      ${ledger.note(key, name)}\n      ${changes[name] ?? 'true'}\n`)
    .join('');

const dag = (name: string, script: string, changes: Readonly<Record<string, string>> = {}): string => `name: ${name}
handler_on:
${handlers(name, changes)}steps:
  - id: work
    script: |
      ${ledger.note(name, 'work')}
      ${script}
    outputs: { files: integer }
  - id: after
    depends: work
    command: ${ledger.note(name, 'after')}
`;

const good = 'echo files=3 > "$SKEIN_OUTPUT"';

/** Says its process, sleeps in another, and waits for the test. */
const hold = (key: string): string => `sleep 3600 &
      ${ledger.note(`${key}-pids`, '$! $$')}
      ${ledger.hold(key)}
      kill $!`;

const project = {
  'dags/good.yaml': dag('good', good, {
    exit: `echo "status \${run.status}, error <\${run.error}>, files \${steps.work.outputs.files}"`,
  }),
  'dags/bad.yaml': dag('bad', 'echo broken >&2; exit 3', {
    failure: `echo "status \${run.status}, error \${run.error}, files <\${steps.work.outputs.files}>"`,
  }),
  'dags/stopped.yaml': dag('stopped', hold('stopped')),
  'dags/no-start.yaml': dag('no-start', good, { init: 'exit 5' }),
  'dags/bad-success.yaml': dag('bad-success', good, { success: 'exit 6' }),
  'dags/bad-failure.yaml': dag('bad-failure', 'exit 3', { failure: 'exit 7' }),
  'dags/closing.yaml': dag('closing', good, { success: hold('closing') }),
  'dags/down.yaml': dag('down', good, { exit: hold('down') }),
  'dags/calling.yaml': `name: calling
handler_on:
  exit: { call: cleaner, params: { how: "\${run.status}" } }
steps:
  - { id: fail, command: exit 9 }
---
name: cleaner
params: [{ name: how, type: string, required: true }]
handler_on:
  exit: ${ledger.note('calling', 'exit of the cleaner')}
steps:
  - { id: clean, command: '${ledger.note('calling', 'cleans after ${params.how}')}' }
`,
};

let folder: string;
let stack: Stack;

beforeAll(async () => {
  folder = folderWith(project);
  stack = await Stack.start(folder, { env: { SKEIN_LEASE_MS: '120000' } });
});

afterAll(async () => {
  const { left } = await stack.stop();
  stack.remove();
  ledger.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(left).toEqual([]);
});

const ended = async (runId: string): Promise<RunView> => {
  await stack.finished(runId);
  return stack.client.runs.get(runId);
};

const run = async (name: string): Promise<RunView> => ended((await stack.submit(name)).runId);

const states = (steps: readonly StepView[] = []): readonly string[] => steps.map(({ id, status }) => `${id} ${status}`);

/** What `skein logs` prints, without the last line end. */
const logOf = async (runId: string, step: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await skein(stack, 'logs', runId, step);
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout.trimEnd();
};

describe('handlers run by how the run ends', () => {
  it('success: init before all steps, success after them, exit last', async () => {
    const { runId, status, handlers: shown, steps } = await run('good');
    expect([status, states(steps)]).toEqual(['succeeded', ['work succeeded', 'after succeeded']]);
    expect(ledger.lines('good')).toEqual(['init', 'work', 'after', 'success', 'exit']);
    expect(states(shown)).toEqual(['@init succeeded', '@success succeeded', '@exit succeeded']);
    expect(await logOf(runId, '@exit')).toBe('status succeeded, error <>, files 3');
  });

  it('failure: the handler knows the error, and the command line shows its log', async () => {
    const { runId, status, error, handlers: shown } = await run('bad');
    expect(status).toBe('failed');
    expect(ledger.lines('bad')).toEqual(['init', 'work', 'failure', 'exit']);
    expect(states(shown)).toEqual(['@init succeeded', '@failure succeeded', '@exit succeeded']);
    expect(error?.message).toContain('work failed');
    expect(await logOf(runId, '@failure')).toBe(`status failed, error ${error?.message}, files <>`);
    const all = await skein(stack, 'logs', runId);
    expect(all.stdout).toContain(`error ${error?.message}`);
    const shownRun = await skein(stack, 'runs', 'show', runId);
    expect(shownRun.stdout).toMatch(/@failure\s+succeeded/);
    expect(shownRun.stdout).not.toContain('@success');
  });

  it('abort: after a cancel, when the processes of the steps are gone', async () => {
    const { runId } = await stack.submit('stopped');
    const [line = ''] = await ledger.written('stopped-pids', 1);
    await stack.client.runs.cancel(runId, 'enough');
    const { status, handlers: shown, steps } = await ended(runId);
    expect([status, states(steps)]).toEqual(['cancelled', ['work cancelled', 'after cancelled']]);
    expect(ledger.lines('stopped')).toEqual(['init', 'work', 'abort', 'exit']);
    expect(states(shown)).toEqual(['@init succeeded', '@abort succeeded', '@exit succeeded']);
    await eventually('its processes are gone', () => !line.split(' ').some((pid) => isAlive(Number(pid))));
  });

  it('an init that fails lets no step run, and the run fails', async () => {
    const { status, handlers: shown, steps } = await run('no-start');
    expect(status).toBe('failed');
    expect(steps.map((step) => [step.status, step.skipReason, step.attempt])).toEqual([
      ['skipped', 'upstream_failed', 0],
      ['skipped', 'upstream_failed', 0],
    ]);
    expect(ledger.lines('no-start')).toEqual(['init', 'failure', 'exit']);
    expect(states(shown)).toEqual(['@init failed', '@failure succeeded', '@exit succeeded']);
  });

  it('a success handler that fails turns the run into one that failed; exit runs all the same', async () => {
    const { status, error, handlers: shown } = await run('bad-success');
    expect([status, error?.message]).toEqual(['failed', expect.stringMatching(/^handler failure: /)]);
    expect(ledger.lines('bad-success')).toEqual(['init', 'work', 'after', 'success', 'exit']);
    expect(states(shown)).toEqual(['@init succeeded', '@success failed', '@exit succeeded']);
  });

  it('a failure handler that fails changes nothing about why the run failed', async () => {
    const { status, error, handlers: shown } = await run('bad-failure');
    expect([status, error?.message]).toEqual(['failed', expect.stringContaining('work failed')]);
    expect(ledger.lines('bad-failure')).toEqual(['init', 'work', 'failure', 'exit']);
    expect(states(shown)).toEqual(['@init succeeded', '@failure failed', '@exit succeeded']);
  });

  it('a handler may call a DAG, whose own handlers run in its own run', async () => {
    const { runId, status, handlers: shown } = await run('calling');
    expect([status, states(shown)]).toEqual(['failed', ['@exit succeeded']]);
    expect(ledger.lines('calling')).toEqual(['cleans after failed', 'exit of the cleaner']);
    const { items } = await stack.client.runs.list({ parent: runId });
    expect(items.map((item) => [item.dag, item.runId])).toEqual([['cleaner', shown?.[0]?.childRunId]]);
  });
});

describe('while a run closes', () => {
  it('a cancel stops the handler and those that would follow, and the outcome stands', async () => {
    const { runId } = await stack.submit('closing');
    const [line = ''] = await ledger.written('closing-pids', 1);
    expect((await stack.client.runs.get(runId)).status).toBe('running');
    await stack.client.runs.cancel(runId, 'enough');
    const { status, handlers: shown, steps } = await ended(runId);
    expect([status, states(steps)]).toEqual(['succeeded', ['work succeeded', 'after succeeded']]);
    expect(states(shown)).toEqual(['@init succeeded', '@success cancelled', '@exit cancelled']);
    expect(ledger.lines('closing')).toEqual(['init', 'work', 'after', 'success']);
    await eventually('its processes are gone', () => !line.split(' ').some((pid) => isAlive(Number(pid))));
  });

  it('a killed coordinator comes back to @exit where it was: it ran once, and the run ends', async () => {
    const { runId } = await stack.submit('down');
    await ledger.written('down-pids', 1);
    await stack.killCoordinator();
    expect(states((await stack.client.runs.get(runId)).handlers)).toContain('@exit running');
    ledger.release('down');
    const { status, handlers: shown } = await ended(runId);
    expect([status, shown?.map(({ attempt }) => attempt)]).toEqual(['succeeded', [1, 1, 1]]);
    expect(ledger.lines('down')).toEqual(['init', 'work', 'after', 'success', 'exit']);
    expect(ledger.lines('down-pids')).toHaveLength(1);
  });
});
