import { readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GivenTime } from './given-time.ts';
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

let folder: string;
let stack: Stack;
let fleet: LinkedWorkers;

beforeAll(async () => {
  folder = folderWith(project);
  stack = await Stack.start(folder, { workers: 0, env: { SKEIN_LEASE_MS: '60000' } });
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

it('one deaf worker among ten, with work of its own, slows nobody else [crash 26]', async () => {
  await timed(40, 2, runHealthy);
  const before = await timed(150, 2, runHealthy);
  const held = await Promise.all(Array.from({ length: 20 }, () => stack.submit('deaf')));
  await eventually('the deaf one has them', async () => {
    const deaf = (await stack.workers()).find((worker) => worker.pid === fleet.workers[0]?.pid);
    return deaf?.running === held.length;
  });
  signal(fleet.workers[0]?.pid ?? -1, 'SIGSTOP');
  // Told to stop what it runs, and offered more, it answers nothing.
  for (const { runId } of held.slice(0, 10)) await stack.call('POST', `/api/runs/${runId}/cancel`, {});
  const more = await Promise.all(Array.from({ length: 20 }, () => stack.submit('deaf')));
  const machine = new GivenTime();
  const during = await timed(150, 2, runHealthy);
  machine.stop();
  // Twice the baseline, and what a machine that others use may add.
  expect(percentile(during, 0.95)).toBeLessThan(2 * percentile(before, 0.95) + 250 + machine.lostMs);
  expect(percentile(during, 0.5)).toBeLessThan(2 * percentile(before, 0.5) + 50 + machine.lostMs / 75);
  signal(fleet.workers[0]?.pid ?? -1, 'SIGCONT');
  for (const { runId } of [...held, ...more]) await stack.call('POST', `/api/runs/${runId}/cancel`, {});
  for (const { runId } of [...held, ...more]) expect((await stack.finished(runId)).status).toBe('cancelled');
});

interface Refusal {
  readonly code: string;
  readonly details?: { readonly depth?: number; readonly oldestAgeMs?: number };
}

const memoryMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

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
  const took = await timed(1_000, 8, send);
  const before = memoryMb(pid);
  took.push(...(await timed(count - 1_000, 8, (index) => send(index + 1_000))));
  expect(statuses.filter((status) => status === 201)).toHaveLength(room);
  expect(refusals).toHaveLength(count - room);
  expect(refusals.every(({ code, details }) => code === 'mailbox_full' && details?.depth === room)).toBe(true);
  expect(refusals.every(({ details }) => typeof details?.oldestAgeMs === 'number')).toBe(true);
  // The fast ones of both: what others take of the machine changes meanwhile.
  expect(percentile(took.slice(-1_000), 0.1)).toBeLessThan(2 * percentile(took.slice(1_000, 2_000), 0.1) + 2);
  expect(memoryMb(pid) - before).toBeLessThan(150);
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
});
