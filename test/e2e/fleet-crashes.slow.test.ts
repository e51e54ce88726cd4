import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { treeOf } from './core-waits.ts';
import { GivenTime, shortestOf } from './given-time.ts';
import { Ledger } from './ledger.ts';
import { LinkedWorkers } from './linked-workers.ts';
import { eventually, type FactJson, folderWith, isAlive, type RunJson, Stack, signal, skein } from './stack.ts';

// Links are away for more than 5 s; a machine that stands still meanwhile ends no lease either.
const lease = { SKEIN_LEASE_MS: '20000', SKEIN_HEARTBEAT_MS: '500' };

const ledger = new Ledger();
let folder: string;
let stack: Stack;
let fleet: LinkedWorkers;

const project = (): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(
    ['cut', 'half-open', 'rolling'].map((name) => [
      `dags/${name}.yaml`,
      `name: ${name}
steps:
  - id: hold
    foreach: [0, 1, 2, 3, 4, 5]
    script: |
      ${ledger.note(name, 'begin $SKEIN_STEP $SKEIN_ATTEMPT')}
      ${ledger.hold(name)}
      ${ledger.note(name, 'end $SKEIN_STEP $SKEIN_ATTEMPT')}
`,
    ]),
  ),
  'dags/poison.yaml': `name: poison
steps:
  - id: bite
    script: |
      sleep 3600 &
      setsid sleep 3600 &
      ${ledger.note('poison', '$SKEIN_ATTEMPT $$ $! $PPID')}
      kill -9 $PPID
      sleep 3600
  - { id: after, depends: bite, command: "true" }
`,
  'dags/quick.yaml': 'name: quick\nsteps:\n  - { id: one, command: echo well }\n',
  // The model takes long enough that the kill comes before the next call, also where the machine stands still for a while: a call that
  // was under way could not be made again.
  'agents/clerk/agent.yaml': `description: Files letters.
model: { provider: offline, parameters: { delay_ms: 4000 } }
tools: { allow: [write, bash], bash: { allow: ['[^]*'] } }
`,
  'agents/clerk/INSTRUCTIONS.md': 'You file letters.\n',
  'dags/letter.yaml': `name: letter
steps:
  - id: file
    type: agent
    agent: clerk
    prompt: |
      File the letter.

      \`\`\`task
      ${JSON.stringify({
        task: 'call',
        calls: [
          { tool: 'write', input: { path: 'letter.txt', content: 'Dear Ada' } },
          { tool: 'bash', input: { command: ledger.note('letter', 'sent $SKEIN_IDEMPOTENCY_KEY') } },
          { tool: 'bash', input: { command: ledger.note('letter', 'read $(cat letter.txt)') } },
        ],
        tool: 'bash',
        input: { command: ledger.note('letter', 'last $SKEIN_IDEMPOTENCY_KEY') },
      })}
      \`\`\`
`,
});

beforeAll(async () => {
  folder = folderWith(project());
  stack = await Stack.start(folder, { workers: 0, env: lease });
  fleet = await LinkedWorkers.start(stack, 3);
});

afterAll(async () => {
  await fleet.stop();
  const { left } = await stack.stop();
  expect([left, await stack.leftovers()]).toEqual([[], []]);
  stack.remove();
  ledger.remove();
  rmSync(folder, { recursive: true, force: true });
});

interface Held extends RunJson {
  /** All its steps had begun then, ms since the epoch. */
  readonly at: number;
}

const held = async (name: string): Promise<Held> => {
  const run = await stack.submit(name);
  await ledger.written(name, 6);
  return { ...run, at: Date.now() };
};

/** Steps that were lost after all had begun; an offer that found a worker away, earlier, is made elsewhere. */
const lostOf = async ({ runId, at }: Held): Promise<readonly FactJson[]> =>
  (await stack.facts(runId)).filter((fact) => fact.type === 'step_lost' && Date.parse(fact.at) >= at);

const endedOnce = async (name: string, run: RunJson): Promise<void> => {
  ledger.release(name);
  expect((await stack.finished(run.runId)).status).toBe('succeeded');
  const items = [0, 1, 2, 3, 4, 5].map((index) => `hold[${index}] 1`);
  for (const kind of ['begin', 'end']) {
    const lines = ledger.lines(name).filter((line) => line.startsWith(`${kind} `));
    expect(lines.toSorted()).toEqual(items.map((item) => `${kind} ${item}`));
  }
};

const connected = async (): Promise<readonly number[]> =>
  (await stack.workers()).filter((worker) => worker.state === 'connected').map((worker) => worker.pid);

const allBack = () =>
  eventually('all workers are connected', async () => {
    const pids = await connected();
    return fleet.workers.every((worker) => worker.pid !== undefined && pids.includes(worker.pid));
  });

/** How long it takes until the coordinator has noticed that all its workers are away, ms. */
const untilNoticed = async (): Promise<number> => {
  const silence = new GivenTime(() => treeOf(stack.pid));
  await eventually('their absence is noticed', async () => (await connected()).length === 0);
  silence.stop();
  return silence.ms;
};

describe('a network that is away for less than the lease', () => {
  it('takes nothing from healthy workers when every link is cut for 5 s [crash 21]', async () => {
    const run = await held('cut');
    // Two heartbeats, and what a busy machine takes for them.
    const silence = await shortestOf(3_000, async () => {
      for (const { link } of fleet.workers) link.cut();
      const cutAt = performance.now();
      const noticed = await untilNoticed();
      await eventually('5 s are over', () => performance.now() - cutAt > 5_000);
      for (const { link } of fleet.workers) link.heal();
      await allBack();
      return noticed;
    });
    expect(silence).toBeLessThan(3_000);
    await endedOnce('cut', run);
    expect(await lostOf(run)).toEqual([]);
  }, 300_000);

  it('is noticed when streams are open and nothing passes, and costs no step either [crash 21]', async () => {
    const run = await held('half-open');
    const silence = await shortestOf(4_000, async () => {
      for (const { link } of fleet.workers) link.hold('both');
      const noticed = await untilNoticed();
      for (const { link } of fleet.workers) link.heal();
      await allBack();
      return noticed;
    });
    expect(silence).toBeLessThan(4_000);
    await endedOnce('half-open', run);
    expect(await lostOf(run)).toEqual([]);
  }, 300_000);
});

describe('workers that are replaced one after the other', () => {
  it('end what they run, or hand back what they had not begun: nothing runs twice and nothing is charged [crash 29]', async () => {
    const run = await held('rolling');
    const quick: RunJson[] = [];
    for (const worker of fleet.workers) {
      const { pid = -1 } = worker;
      signal(pid, 'SIGTERM');
      await eventually('it drains', async () => {
        const states = (await stack.workers()).filter((each) => each.pid === pid);
        return states.every(({ state }) => state !== 'connected');
      });
      quick.push(await stack.submit('quick'));
      // It ends only when what it runs has ended.
      ledger.release('rolling');
      await eventually('it was replaced', () => !isAlive(pid) && worker.pid !== undefined && worker.pid !== pid);
      await allBack();
    }
    for (const each of quick) {
      const end = await stack.finished(each.runId);
      expect([end.status, end.steps[0]?.attempt]).toEqual(['succeeded', 1]);
    }
    await endedOnce('rolling', run);
  });
});

describe('an agent whose worker is killed between two tool calls', () => {
  it('goes on elsewhere from its checkpoint with its files; recorded calls are not made again, a message is read once [crash 13, 14, 18]', async () => {
    const run = await stack.submit('letter');
    const detail = () => stack.client.runs.step(run.runId, 'file', { transcript: true });
    await ledger.written('letter', 1);
    const holder = (await stack.run(run.runId)).steps[0]?.workerId;
    const victim = await fleet.byId(stack, holder);
    const pid = victim.pid ?? -1;
    await eventually('the call with its effect is recorded', async () => {
      const { turns } = (await detail()).detail;
      return turns[1]?.calls[0]?.status === 'done';
    });
    await stack.client.messages.send(run.runId, 'file', {
      messageId: 'roses',
      text: 'Mention the roses.',
      requireAck: true,
    });
    signal(pid, 'SIGKILL');
    const again = await stack.client.messages.send(run.runId, 'file', {
      messageId: 'roses',
      text: 'Mention the roses.',
      requireAck: true,
    });
    expect(again.created).toBe(false);
    const end = await stack.finished(run.runId);
    expect([end.status, end.steps[0]?.attempt]).toEqual(['succeeded', 2]);
    expect(end.steps[0]?.workerId).not.toBe(holder);
    const lines = ledger.lines('letter');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['sent', 'read', 'last']);
    expect(lines[1]).toBe('read Dear Ada');
    const { attempts, turns } = (await detail()).detail;
    expect(attempts.map(({ attempt, outcome }) => [attempt, outcome.split(/[: ]/)[0]])).toEqual([
      [1, 'lost'],
      [2, 'succeeded'],
    ]);
    expect(attempts[1]?.resumedAtTurn).toBeGreaterThanOrEqual(2);
    expect(turns.filter((turn) => turn.dropped === true)).toEqual([]);
    expect(turns.flatMap((turn) => turn.messages)).toEqual(['roses']);
    const said = turns.flatMap((turn) => turn.said ?? []);
    expect(JSON.stringify(said).match(/Mention the roses/g)).toHaveLength(1);
    expect((await stack.client.messages.get(run.runId, 'file', 'roses')).state).toBe('consumed');
    const shown = await skein(stack, 'runs', 'show', run.runId, '--step', 'file');
    expect(shown.stdout).toMatch(/^1 .*lost/m);
    expect(shown.stdout).toMatch(/^2 .*succeeded/m);
    await allBack();
  });
});

describe('a step that always kills its worker', () => {
  it('is given up as a dead letter after three workers, leaves no process, and the fleet lives on [crash 28]', async () => {
    const run = await stack.submit('poison');
    const end = await stack.finished(run.runId);
    expect([end.status, end.steps.map((step) => step.status)]).toEqual(['failed', ['failed', 'skipped']]);
    const bites = ledger.lines('poison').map((line) => line.split(' ').map(Number));
    // A worker that dies before it could say that the step began was offered it in vain; that is charged elsewhere.
    expect([...new Set(bites.map(([attempt]) => attempt))]).toEqual([1, 2, 3]);
    const listed = await skein(stack, 'dead-letters', 'list', '--run', run.runId);
    expect([listed.exitCode, listed.stdout]).toEqual([
      0,
      expect.stringMatching(/^dl:run_\S+:bite:\d+ +task +poison +open/m),
    ]);
    expect(listed.stdout.match(/^dl:/gm)).toHaveLength(1);
    await eventually('nothing of it is left', () => !bites.some(([, ...pids]) => pids.some(isAlive)));
    await allBack();
    const next = await stack.submit('quick');
    expect((await stack.finished(next.runId)).status).toBe('succeeded');
  });
});
