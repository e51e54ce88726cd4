import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Ledger } from '../e2e/ledger.ts';
import { eventually, folderWith } from '../e2e/stack.ts';
import { FleetLoad } from './fleet-load.ts';
import { FleetStack, patienceMs } from './fleet-stack.ts';
import { MachinePauses } from './machine-pauses.ts';

const ledger = new Ledger();
const leaseMs = 6_000;
/** A machine that stood still for half of a lease of a worker may have let one lapse. */
const pauses = new MachinePauses(leaseMs / 2);
let project: string;
let stack: FleetStack;

beforeAll(async () => {
  project = folderWith({
    'dags/chain.yaml': `name: chain
steps:
  - { id: a, script: '${ledger.note('chain', '$SKEIN_RUN_ID a')}' }
  - { id: b, depends: a, script: 'sleep 0.3; ${ledger.note('chain', '$SKEIN_RUN_ID b')}' }
  - { id: c, depends: b, script: '${ledger.note('chain', '$SKEIN_RUN_ID c')}' }
`,
    'dags/ask.yaml': `name: ask
steps:
  - id: approve
    type: approval
    with: { prompt: Go on? }
  - { id: after, depends: approve, command: "true" }
`,
  });
  stack = await FleetStack.start({ project });
}, 2 * patienceMs);

afterAll(async () => {
  pauses.stop();
  expect(await stack?.stop()).toEqual([]);
  ledger.remove();
  rmSync(project, { recursive: true, force: true });
}, patienceMs);

/**
 * Every step of these runs ran once, and every run succeeded. Only where the whole machine stood still may a lease have lapsed; the log
 * then says so, and the step was to be run again.
 */
const expectOnce = async (runs: FleetLoad['runs']): Promise<void> => {
  expect(runs.filter(({ status }) => status !== 'succeeded')).toEqual([]);
  const counts = new Map<string, number>();
  for (const line of ledger.lines('chain')) counts.set(line, (counts.get(line) ?? 0) + 1);
  const expected = runs.flatMap(({ runId }) => ['a', 'b', 'c'].map((step) => `${runId} ${step}`));
  const wrong: string[] = [];
  for (const line of expected) {
    const count = counts.get(line) ?? 0;
    if (count !== 1 && !(count > 1 && count <= 1 + (await lapsesOf(line)))) wrong.push(line);
  }
  const stories = wrong.slice(0, 5).map((line) => storyOf(line, counts.get(line) ?? 0));
  expect(await Promise.all(stories)).toEqual([]);
};

/** How often a lease of the step lapsed because the machine had stood still. */
const lapsesOf = async (line: string): Promise<number> => {
  if (pauses.pauses.length === 0) return 0;
  const [runId = '', step = ''] = line.split(' ');
  let lapses = 0;
  for await (const { type, at, data } of stack.client.runs.watch(runId)) {
    if (type !== 'step_lost' || data['step'] !== step || data['reason'] !== 'lease_lapsed') continue;
    if (!pauses.wasJustBefore(Date.parse(at), 2 * leaseMs)) continue;
    console.log(`the machine had stood still: the lapsed lease of ${line} at ${at} is allowed`);
    lapses += 1;
  }
  return lapses;
};

/** What the log says of a step that ran more than once, or never, and what coordinators and workers said meanwhile. */
const storyOf = async (line: string, count: number): Promise<object> => {
  const [runId = '', step = ''] = line.split(' ');
  const facts: string[] = [];
  const instants: number[] = [];
  for await (const { type, at, data } of stack.client.runs.watch(runId)) {
    if (data['step'] !== step) continue;
    facts.push(`${at} ${type} ${JSON.stringify(data).slice(0, 300)}`);
    instants.push(Date.parse(at));
  }
  const said = stack.saidBetween(Math.min(...instants) - 3_000, Math.max(...instants) + 1_000);
  return { line, count, facts, said };
};

const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0);

test(
  'a run that is submitted at any coordinator is seen, cancelled and answered at any other',
  async () => {
    for (const [index, coordinator] of stack.coordinators.entries()) {
      const here = stack.clientOf(coordinator);
      const there = stack.clientOf(stack.coordinators[(index + 1) % 3] ?? coordinator);
      const { run } = await here.runs.submit({ dag: 'chain' });
      expect((await there.runs.get(run.runId, { waitMs: 30_000 })).status).toBe('succeeded');

      const asked = (await here.runs.submit({ dag: 'ask' })).run.runId;
      await eventually('the approval is listed elsewhere', async () =>
        (await there.approvals.list()).some(({ runId }) => runId === asked),
      );
      await there.approvals.approve(asked, 'approve');
      expect((await here.runs.get(asked, { waitMs: 30_000 })).status).toBe('succeeded');

      const stopped = (await here.runs.submit({ dag: 'ask' })).run.runId;
      await there.runs.cancel(stopped);
      expect((await here.runs.get(stopped, { waitMs: 30_000 })).status).toBe('cancelled');
    }
  },
  patienceMs,
);

test(
  'workers spread evenly',
  async () => {
    await eventually(
      'each coordinator has its share',
      async () => JSON.stringify((await stack.held()).toSorted((a, b) => a - b)) === '[1,1,2]',
      patienceMs,
    );
  },
  patienceMs,
);

test(
  'kill -9 of a coordinator under load: its shards are driven by the others, nothing is lost or repeated',
  async () => {
    const load = new FleetLoad(() => stack.client, 'chain', 8);
    await eventually('runs finish', () => load.runs.length >= 16, patienceMs);
    const victim = stack.coordinators[1];
    if (victim === undefined) throw new Error('no coordinator');
    await victim.kill();
    const killedAt = performance.now();
    await eventually('all shards have a home', async () => sum((await stack.shards()).values()) === 256, patienceMs);
    console.log(
      `shards of a killed coordinator at home elsewhere after ${Math.round(performance.now() - killedAt)} ms`,
    );
    const seen = load.runs.length;
    await eventually('runs finish without it', () => load.runs.length >= seen + 16, patienceMs);
    victim.start();
    await stack.ready(victim);
    await eventually(
      'it has its share of shards and workers again',
      async () => ((await stack.shards()).get(victim.name) ?? 0) > 40 && (await stack.held()).every((held) => held > 0),
      patienceMs,
    );
    await load.stop();
    await expectOnce(load.runs);
    expect(load.errors).toEqual([]);
  },
  3 * patienceMs,
);

test(
  'a rolling restart of everything under load: nothing lost, nothing repeated, no error seen',
  async () => {
    const load = new FleetLoad(() => stack.client, 'chain', 6);
    await eventually('runs finish', () => load.runs.length >= 6, patienceMs);
    for (const each of [...stack.coordinators, ...stack.schedulers, ...stack.workers]) {
      console.log(`${new Date().toISOString()} ${each.name} is restarted`);
      expect([each.name, await each.stop()]).toEqual([each.name, 0]);
      each.start();
      if (each.app === 'coordinator') await stack.ready(each as (typeof stack.coordinators)[number]);
      if (each.app === 'worker') await stack.connected(stack.workers.length);
      const seen = load.runs.length;
      await eventually(`runs finish after the restart of ${each.name}`, () => load.runs.length > seen + 2, patienceMs);
    }
    await load.stop();
    await expectOnce(load.runs);
    expect(load.errors).toEqual([]);
  },
  5 * patienceMs,
);
