import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HeapProbe } from './heap-probe.ts';
import { LinkedWorkers } from './linked-workers.ts';
import { eventually, folderWith, type RunJson, Stack, signal } from './stack.ts';

const project = {
  'agents/clerk/agent.yaml': 'description: Reads letters.\nmodel: { provider: offline }\ntools: [think]\n',
  'agents/clerk/INSTRUCTIONS.md': 'You read letters.\n',
  'dags/inbox.yaml': `name: inbox
steps:
  - id: begin
    wait: { message: true }
  - id: read
    depends: begin
    type: agent
    agent: clerk
    worker_selector: { role: healthy }
    prompt: |
      Read.

      \`\`\`task
      { "task": "call", "tool": "think", "input": { "thought": "letters" } }
      \`\`\`
`,
  'dags/healthy.yaml':
    'name: healthy\nsteps:\n  - { id: one, command: echo well, worker_selector: { role: healthy } }\n',
  'dags/deaf.yaml': 'name: deaf\nsteps:\n  - { id: one, command: sleep 600, worker_selector: { role: deaf } }\n',
};

const memory = new HeapProbe();
let folder: string;
let stack: Stack;
let fleet: LinkedWorkers;

beforeAll(async () => {
  folder = folderWith(project);
  stack = await Stack.start(folder, { workers: 0, env: { SKEIN_LEASE_MS: '60000', ...memory.env } });
  fleet = await LinkedWorkers.start(stack, 10, (index) => ({
    SKEIN_LABELS: `role=${index === 0 ? 'deaf' : 'healthy'}`,
    SKEIN_SLOTS: '50',
  }));
});

afterAll(async () => {
  signal(fleet.workers[0]?.pid ?? -1, 'SIGCONT');
  await fleet.stop();
  await stack.stop();
  stack.remove();
  memory.remove();
  rmSync(folder, { recursive: true, force: true });
});

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * values.length)] ?? Number.NaN;

/** Calls it so many times, a few at a time, and gives how long each took, in the order of their begin. */
const timed = async (times: number, width: number, call: (index: number) => Promise<void>): Promise<number[]> => {
  const took: number[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < times) {
      const index = next;
      next += 1;
      const beganAt = performance.now();
      await call(index);
      took[index] = performance.now() - beganAt;
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return took;
};

const runHealthy = async (): Promise<void> => {
  const answer = await stack.call<RunJson>('POST', '/api/runs?waitMs=30000', { dag: 'healthy', params: {} });
  expect([answer.status, answer.body.status]).toEqual([201, 'succeeded']);
};

const rounds = 5;

it('one deaf worker among ten, with work of its own, slows nobody else [crash 26]', async () => {
  const pid = fleet.workers[0]?.pid ?? -1;
  const [holds, changes] = [20, 4];
  const submitDeaf = (times: number) => Promise.all(Array.from({ length: times }, () => stack.submit('deaf')));
  const cancel = ({ runId }: RunJson) => stack.call('POST', `/api/runs/${runId}/cancel`, {});
  const isCancelled = async ({ runId }: RunJson) => expect((await stack.finished(runId)).status).toBe('cancelled');
  const blockOfRuns = () => timed(30, 2, runHealthy);
  let held = await submitDeaf(holds);
  await timed(40, 2, runHealthy);
  const hearing: number[][] = [];
  const deaf: number[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    await eventually('the deaf one has them all', async () => {
      const running = (await stack.workers()).find((worker) => worker.pid === pid)?.running;
      return running === holds;
    });
    hearing.push(await blockOfRuns());
    signal(pid, 'SIGSTOP');
    // Told to stop what it runs, and offered more, it answers nothing.
    const stopped = held.slice(0, changes);
    for (const run of stopped) await cancel(run);
    held = [...held.slice(changes), ...(await submitDeaf(changes))];
    deaf.push(await blockOfRuns());
    for (const { runId } of stopped) expect((await stack.run(runId)).status).toBe('running');
    signal(pid, 'SIGCONT');
    await Promise.all(stopped.map(isCancelled));
  }
  hearing.push(await blockOfRuns());
  // Twice what it takes before and after, and what a machine that others use may add: its speed changes, but not with each block.
  const slowed = deaf.filter((took, round) => {
    const isSlowed = (share: number, moreMs: number): boolean => {
      const around = [hearing[round] ?? [], hearing[round + 1] ?? []].map((block) => percentile(block, share));
      return percentile(took, share) >= 2 * Math.max(...around) + moreMs;
    };
    return isSlowed(0.95, 250) || isSlowed(0.5, 50);
  });
  expect(slowed.length).toBeLessThan(rounds / 2);
  for (const run of held) await cancel(run);
  await Promise.all(held.map(isCancelled));
}, 300_000);

interface Refusal {
  readonly code: string;
  readonly details?: { readonly depth?: number; readonly oldestAgeMs?: number };
}

it('10,000 messages for one agent cost the same each, and the mailbox is full after 100: the others are told so [crash 27]', async () => {
  const [count, room] = [10_000, 100];
  const { runId } = await stack.submit('inbox');
  const pid = stack.processOf('coordinator')?.pid ?? -1;
  const path = `/api/runs/${runId}/steps/read/messages`;
  const statuses: number[] = [];
  const refusals: Refusal[] = [];
  const send = async (index: number): Promise<void> => {
    const answer = await stack.call<Refusal>('POST', path, { messageId: `burst-${index}`, text: `letter ${index}` });
    statuses[index] = answer.status;
    if (answer.status === 429) refusals.push(answer.body);
  };
  /** Calls of a route that nothing here makes slower: how fast the machine is now. */
  const control = async (): Promise<void> => expect((await stack.call('GET', '/api/agents')).status).toBe(200);
  let next = 0;
  const sendMany = (times: number) => timed(times, 8, () => send(next++));
  /** A thousand messages; gives how many times as long as the control they take, the fast ones of both. */
  const thousand = async (): Promise<number> => {
    const [took, controls]: [number[], number[]] = [[], []];
    for (let block = 0; block < 10; block += 1) {
      took.push(...(await sendMany(100)));
      // When nothing else is under way, so that what messages cost does not show in it.
      controls.push(...(await timed(50, 8, control)));
    }
    return percentile(took, 0.1) / percentile(controls, 0.1);
  };
  await sendMany(1_000);
  const before = await memory.heldMb(pid);
  const first = await thousand();
  await sendMany(count - 3_000);
  const last = await thousand();
  const grown = (await memory.heldMb(pid)) - before;
  expect(statuses.filter((status) => status === 201)).toHaveLength(room);
  expect(refusals).toHaveLength(count - room);
  expect(refusals.every(({ code, details }) => code === 'mailbox_full' && details?.depth === room)).toBe(true);
  expect(refusals.every(({ details }) => typeof details?.oldestAgeMs === 'number')).toBe(true);
  expect(last).toBeLessThan(2 * first + 0.5);
  expect(grown).toBeLessThan(20);
  // One event for each that was refused.
  const told = new Set<string>();
  let after = 0;
  await eventually('every refusal is told', async () => {
    const page = await stack.client.deliveryEvents.read({ after, limit: 1_000 });
    for (const event of page.items) if (event.kind === 'rejected' && event.runId === runId) told.add(event.itemId);
    if (page.items.length > 0) after = page.next;
    return told.size >= count - room;
  });
  expect(told.size).toBe(count - room);
  // Those that were taken are read, each once.
  await stack.call('POST', `/api/runs/${runId}/steps/begin/messages`, { text: 'go' });
  expect((await stack.finished(runId)).status).toBe('succeeded');
  const { turns } = (await stack.client.runs.step(runId, 'read')).detail;
  const read = turns.flatMap((turn) => turn.messages);
  expect(read).toHaveLength(room);
  expect(new Set(read).size).toBe(room);
}, 600_000);
