import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { treeOf } from './core-waits.ts';
import { GivenTime, shortestOf } from './given-time.ts';
import { eventually, folderWith, isAlive, Stack } from './stack.ts';

/**
 * Each start of the step appends a line to `$LEDGER/NAME`, then it waits until `$LEDGER/NAME.go` exists.
 * Its child sleeps in a process of its own, so that an orphan would be seen.
 */
const project = {
  'dags/held.yaml': `name: held
params:
  - name: ledger
    type: string
    required: true
  - name: key
    type: string
    required: true
steps:
  - id: hold
    env:
      LEDGER: \${params.ledger}
      KEY: \${params.key}
    script: |
      sleep 3600 &
      echo "$! $$" >> "$LEDGER/$KEY"
      while [ ! -e "$LEDGER/$KEY.go" ]; do sleep 0.02; done
      kill $!
      echo done
  - id: after
    depends: hold
    command: echo after
`,
};

let projectFolder: string;
let ledger: string;
let stack: Stack;

const starts = (key: string): { readonly child: number; readonly shell: number }[] => {
  const file = join(ledger, key);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [child = 0, shell = 0] = line.split(' ').map(Number);
      return { child, shell };
    });
};

const started = (key: string, times: number) =>
  eventually(`start ${times} of ${key}`, () => (starts(key).length >= times ? starts(key)[times - 1] : undefined));

const release = (key: string): void => writeFileSync(join(ledger, `${key}.go`), '');

beforeAll(async () => {
  projectFolder = folderWith(project);
  ledger = folderWith({ 'read.me': 'starts of steps' });
  // A busy machine may take seconds to start a coordinator: the lease is long enough that every restart is within it.
  stack = await Stack.start(projectFolder, { env: { SKEIN_LEASE_MS: '120000' } });
});

afterAll(async () => {
  const { left } = await stack.stop();
  stack.remove();
  for (const folder of [projectFolder, ledger]) rmSync(folder, { recursive: true, force: true });
  expect(left).toEqual([]);
});

describe('a killed worker', () => {
  it('takes its step processes with it, and the step starts on the other worker as attempt 2 within 1.5 s [crash 13]', async () => {
    const took = await shortestOf(1_500, async (round) => {
      const key = `worker-${round}`;
      const run = await stack.submit('held', { ledger, key });
      const first = await started(key, 1);
      const holder = (await stack.began(run.runId, 'hold')).workerId;
      const victim = (await stack.workers()).find((worker) => worker.workerId === holder);
      expect(victim).toBeDefined();
      const recovery = new GivenTime(() => treeOf(stack.pid));
      process.kill(victim?.pid ?? -1, 'SIGKILL');
      const second = await started(key, 2);
      recovery.stop();
      expect(second?.shell).not.toBe(first?.shell);
      await eventually('the first attempt is dead', () => !isAlive(first?.shell ?? -1) && !isAlive(first?.child ?? -1));
      const now = await eventually('attempt 2 is shown', async () => {
        const view = await stack.run(run.runId);
        return view.steps[0]?.attempt === 2 ? view : undefined;
      });
      expect(now.steps[0]?.workerId).not.toBe(holder);
      release(key);
      const end = await stack.finished(run.runId);
      expect([end.status, end.steps.map((step) => step.attempt)]).toEqual(['succeeded', [2, 1]]);
      await eventually(
        'a new worker took its place',
        async () => (await stack.workers()).filter((worker) => worker.state === 'connected').length === 2,
      );
      return recovery.ms;
    });
    expect(took).toBeLessThan(1_500);
  }, 300_000);
});

describe('a killed coordinator', () => {
  it('goes on with the run after its restart, and the running step is not repeated', async () => {
    const run = await stack.submit('held', { ledger, key: 'coordinator' });
    await started('coordinator', 1);
    const before = stack.processOf('coordinator');
    process.kill(before?.pid ?? -1, 'SIGKILL');
    const after = await eventually('a new coordinator', () => {
      const now = stack.processOf('coordinator');
      return now !== undefined && now.pid !== before?.pid ? now : undefined;
    });
    expect(after.pid).not.toBe(before?.pid);
    await eventually('workers are back', async () => {
      const workers = await stack.workers().catch(() => []);
      return workers.filter((worker) => worker.state === 'connected').length === 2;
    });
    release('coordinator');
    const end = await stack.finished(run.runId);
    expect([end.status, end.steps.map((step) => step.attempt)]).toEqual(['succeeded', [1, 1]]);
    expect(starts('coordinator')).toHaveLength(1);
  });

  it('keeps a result that was reported while it was down', async () => {
    const run = await stack.submit('held', { ledger, key: 'down' });
    await started('down', 1);
    process.kill(stack.processOf('coordinator')?.pid ?? -1, 'SIGKILL');
    release('down');
    const end = await stack.finished(run.runId);
    expect([end.status, end.steps.map((step) => step.attempt)]).toEqual(['succeeded', [1, 1]]);
    expect(starts('down')).toHaveLength(1);
  });
});

describe('a cancelled run', () => {
  it('stops its processes and says that it was cancelled', async () => {
    const run = await stack.submit('held', { ledger, key: 'cancel' });
    const first = await started('cancel', 1);
    const answer = await stack.call('POST', `/api/runs/${run.runId}/cancel`, {});
    expect(answer.status).toBe(200);
    const end = await stack.finished(run.runId);
    expect([end.status, end.steps.map((step) => step.status)]).toEqual(['cancelled', ['cancelled', 'cancelled']]);
    await eventually('its processes are gone', () => !isAlive(first?.shell ?? -1) && !isAlive(first?.child ?? -1));
    expect((await stack.call('POST', `/api/runs/${run.runId}/cancel`, {})).status).toBe(409);
  });
});

describe('a worker told to drain by SIGTERM', () => {
  it('finishes what it runs, exits, and no attempt is repeated [crash 29]', async () => {
    const run = await stack.submit('held', { ledger, key: 'drain' });
    await started('drain', 1);
    const holder = (await stack.run(run.runId)).steps[0]?.workerId;
    const worker = (await stack.workers()).find((each) => each.workerId === holder);
    process.kill(worker?.pid ?? -1, 'SIGTERM');
    await eventually('it drains', async () => {
      const state = (await stack.workers()).find((each) => each.workerId === holder)?.state;
      return state === 'draining';
    });
    release('drain');
    const end = await stack.finished(run.runId);
    expect([end.status, end.steps[0]?.attempt, end.steps[0]?.workerId]).toEqual(['succeeded', 1, holder]);
    expect(end.steps[1]?.workerId).not.toBe(holder);
    await eventually('it is gone', () => !isAlive(worker?.pid ?? -1));
    expect(starts('drain')).toHaveLength(1);
  });
});
