import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { LinkedWorkers } from './linked-workers.ts';
import { eventually, folderWith, isAlive, Stack, signal } from './stack.ts';

// Short enough that its end can be waited for: a worker stops 1.5 s before it. A machine that stands still for less ends none.
const lease = { SKEIN_LEASE_MS: '15000', SKEIN_HEARTBEAT_MS: '300' };

const ledger = new Ledger();
let folder: string;
let stack: Stack;
let fleet: LinkedWorkers;

/** Two commands: the first notes that it began and waits, the second is started by the worker when the first has ended. */
const held = (name: string): string => `name: ${name}
steps:
  - id: hold
    command:
      - '${ledger.note(name, 'begin $SKEIN_ATTEMPT $$')}; ${ledger.hold(name)}; ${ledger.note(name, 'end $SKEIN_ATTEMPT')}'
      - '${ledger.note(name, 'late $SKEIN_ATTEMPT')}'
  - { id: after, depends: hold, command: '${ledger.note(name, 'after $SKEIN_ATTEMPT')}' }
`;

beforeAll(async () => {
  folder = folderWith({ 'dags/away.yaml': held('away'), 'dags/stopped.yaml': held('stopped') });
  stack = await Stack.start(folder, { workers: 0, env: lease });
  fleet = await LinkedWorkers.start(stack, 2);
});

afterAll(async () => {
  await fleet.stop();
  const { left } = await stack.stop();
  expect([left, await stack.leftovers()]).toEqual([[], []]);
  stack.remove();
  ledger.remove();
  rmSync(folder, { recursive: true, force: true });
});

const linesOf = (name: string, kind: string): readonly string[] =>
  ledger.lines(name).filter((line) => line.startsWith(`${kind} `));

const shellOf = (line: string | undefined): number => Number(line?.split(' ')[2]);

it('steps of a coordinator that is away for longer than the lease are stopped by their workers and run once more [crash 7]', async () => {
  const run = await stack.submit('away');
  const [first] = await ledger.written('away', 1);
  await stack.began(run.runId, 'hold');
  const before = stack.processOf('coordinator')?.pid ?? -1;
  signal(before, 'SIGSTOP');
  await eventually('the worker stops the step by itself', () => !isAlive(shellOf(first)));
  signal(before, 'SIGKILL');
  // What it would have reported, it does not.
  const [, second] = await ledger.written('away', 2);
  expect(second).toMatch(/^begin 2 /);
  ledger.release('away');
  const end = await stack.finished(run.runId);
  expect([end.status, end.steps.map((step) => step.attempt)]).toEqual(['succeeded', [2, 1]]);
  expect(ledger.lines('away').slice(2)).toEqual(['end 2', 'late 2', 'after 1']);
  const ends = (await stack.facts(run.runId)).filter((fact) => fact.type === 'step_finished');
  expect(ends.map(({ data }) => [data.step, data.attempt])).toEqual([
    ['hold', 2],
    ['after', 1],
  ]);
});

it('a worker that is stopped past its lease starts nothing and writes nothing when it goes on [crash 16]', async () => {
  const run = await stack.submit('stopped');
  await ledger.written('stopped', 1);
  const holder = (await stack.began(run.runId, 'hold')).workerId;
  const stopped = await fleet.byId(stack, holder);
  const pid = stopped.pid ?? -1;
  signal(pid, 'SIGSTOP');
  const [first, second] = await ledger.written('stopped', 2);
  expect(second).toMatch(/^begin 2 /);
  // The first attempt's command ends, too; the worker that would start its second one sleeps.
  ledger.release('stopped');
  const end = await stack.finished(run.runId);
  expect([end.status, end.steps[0]?.attempt]).toEqual(['succeeded', 2]);
  expect(end.steps[0]?.workerId).not.toBe(holder);
  await eventually('the first command has ended', () => linesOf('stopped', 'end').length === 2);
  signal(pid, 'SIGCONT');
  await eventually('it is back, without the step', async () => {
    const back = (await stack.workers()).find((worker) => worker.pid === pid && worker.state === 'connected');
    return back !== undefined && back.running === 0 && !isAlive(shellOf(first));
  });
  expect(linesOf('stopped', 'late')).toEqual(['late 2']);
  expect(linesOf('stopped', 'after')).toEqual(['after 1']);
  const ends = (await stack.facts(run.runId)).filter((fact) => fact.type === 'step_finished');
  expect(ends.map(({ data }) => [data.step, data.attempt])).toEqual([
    ['hold', 2],
    ['after', 1],
  ]);
  // It works again.
  const next = await stack.submit('stopped');
  expect((await stack.finished(next.runId)).status).toBe('succeeded');
});
