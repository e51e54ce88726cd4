import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, folderWith, isAlive, type RunJson, Stack, skein } from './stack.ts';

/** Each start of a step appends `STEP ATTEMPT` to `$LEDGER/KEY`; `hold` goes on when `$LEDGER/KEY.go` exists. */
const project = {
  'dags/chain.yaml': `name: chain
params:
  - { name: ledger, type: string, required: true }
  - { name: key, type: string, required: true }
defaults:
  env:
    LEDGER: \${params.ledger}
    KEY: \${params.key}
steps:
  - id: first
    script: |
      echo "first $SKEIN_ATTEMPT" >> "$LEDGER/$KEY"
      echo one
    output: ONE
  - id: hold
    depends: first
    script: |
      echo "hold $SKEIN_ATTEMPT" >> "$LEDGER/$KEY"
      while [ ! -e "$LEDGER/$KEY.go" ]; do sleep 0.02; done
      echo "$ONE and two"
    output: TWO
  - id: last
    depends: hold
    script: |
      echo "last $SKEIN_ATTEMPT" >> "$LEDGER/$KEY"
      echo "$TWO and three"
    output: THREE
`,
};

let folder: string;
let ledger: string;
let data: string;
let stack: Stack | undefined;

beforeAll(() => {
  folder = folderWith(project);
  ledger = folderWith({});
  data = folderWith({});
});

afterEach(async () => {
  await stack?.stop();
});

afterAll(() => {
  for (const path of [folder, ledger, data]) rmSync(path, { recursive: true, force: true });
});

const start = async (): Promise<Stack> => {
  stack = await Stack.start(folder, { data, env: { SKEIN_DRAIN_MS: '2000' } });
  return stack;
};

const lines = (key: string): string[] => {
  const file = join(ledger, key);
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};

const startsOf = (key: string, step: string): number => lines(key).filter((line) => line.startsWith(`${step} `)).length;

const release = (key: string): void => writeFileSync(join(ledger, `${key}.go`), '');

/** Types of the run's facts that tell of its end. */
const endsOf = async (up: Stack, runId: string): Promise<number> => {
  const response = await fetch(`${up.http}/api/runs/${runId}/events`, {
    headers: { authorization: `Bearer ${up.token}` },
  });
  return (await response.text()).match(/^event: run_finished$/gm)?.length ?? 0;
};

const outputsOf = (run: RunJson): unknown => run.steps.map((step) => [step.status, Object.values(step.outputs)]);

const allOutputs = [
  ['succeeded', ['one']],
  ['succeeded', ['one and two']],
  ['succeeded', ['one and two and three']],
];

describe('skein up on a data folder that it had before', () => {
  it('goes on with a run in whose middle it was told to stop', async () => {
    const first = await start();
    const { runId } = await first.submit('chain', { ledger, key: 'stopped' });
    await eventually('the middle step runs', () => startsOf('stopped', 'hold') === 1);
    const { exitCode, left } = await first.stop();
    expect([exitCode, left, existsSync(first.endpointFile)]).toEqual([0, [], false]);
    expect(await first.leftovers()).toEqual([]);

    const second = await start();
    expect((await second.run(runId)).status).toBe('running');
    await eventually('the middle step runs again', () => startsOf('stopped', 'hold') === 2);
    release('stopped');
    const end = await second.finished(runId);
    expect([end.status, outputsOf(end)]).toEqual(['succeeded', allOutputs]);
    expect([startsOf('stopped', 'first'), startsOf('stopped', 'hold'), startsOf('stopped', 'last')]).toEqual([1, 2, 1]);
    expect(await endsOf(second, runId)).toBe(1);
  });

  it('ends every accepted run, and none twice, after a kill -9 of everything', async () => {
    const first = await start();
    const done = await first.submit('chain', { ledger, key: 'done' });
    release('done');
    expect((await first.finished(done.runId)).status).toBe('succeeded');
    const keys = Array.from({ length: 12 }, (_, index) => `killed-${index}`);
    const runs = await Promise.all(keys.map((key) => first.submit('chain', { ledger, key })));
    await eventually('some run, some wait', () => keys.filter((key) => startsOf(key, 'hold') > 0).length >= 4);
    const recorded = new Map<string, RunJson>();
    for (const run of runs) recorded.set(run.runId, await first.run(run.runId));
    // Read after the records: a step that is recorded has written its start.
    const before = new Map(keys.map((key) => [key, startsOf(key, 'first')]));
    await first.kill();

    for (const key of keys) release(key);
    const second = await start();
    for (const [index, run] of runs.entries()) {
      const key = keys[index] ?? '';
      const end = await second.finished(run.runId);
      expect([key, end.status, outputsOf(end)]).toEqual([key, 'succeeded', allOutputs]);
      expect([key, await endsOf(second, run.runId)]).toEqual([key, 1]);
      // What was recorded before the kill is not done again.
      if (recorded.get(run.runId)?.steps[0]?.status === 'succeeded') {
        expect([key, startsOf(key, 'first')]).toEqual([key, before.get(key)]);
      }
    }
    expect(outputsOf(await second.run(done.runId))).toEqual(allOutputs);
    expect(lines('done')).toHaveLength(3);
    expect(await first.leftovers()).toEqual([]);
  });

  it('refuses a second one beside it and names the process that has the folder', async () => {
    const first = await start();
    const addresses = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
    const second = await skein(undefined, 'up', '--project', folder, '--data', data, ...addresses);
    const holder = first.processOf('coordinator')?.pid ?? -1;
    expect(second.exitCode).not.toBe(0);
    expect(second.stdout + second.stderr).toContain(`the data folder is in use by process ${holder}`);
    expect(isAlive(holder)).toBe(true);
    expect(existsSync(first.endpointFile)).toBe(true);
    release('beside');
    const { runId } = await first.submit('chain', { ledger, key: 'beside' });
    expect((await first.finished(runId)).status).toBe('succeeded');
  });
});
