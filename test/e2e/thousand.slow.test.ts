import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { createParser } from 'eventsource-parser';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GivenTime } from './given-time.ts';
import { HeapProbe } from './heap-probe.ts';
import { Ledger } from './ledger.ts';
import { eventually, folderWith, type RunJson, Stack, signal } from './stack.ts';

const count = 1_000;
const workers = 4;

const ledger = new Ledger();
const memory = new HeapProbe();
let folder: string;
let stack: Stack;

// An item waits in the opening of a pipe, so that a thousand of them cost no processor.
const project = (): Readonly<Record<string, string>> => ({
  'dags/many.yaml': `name: many
params: [{ name: items, type: array, required: true }]
steps:
  - id: each
    foreach: \${params.items}
    script: |
      ${ledger.note('many', 'begin ${item} $SKEIN_ATTEMPT')}
      [ -e "${ledger.path('many')}.go" ] || read -r _ < "${ledger.path('pipe')}"
      ${ledger.note('many', 'end ${item} $SKEIN_ATTEMPT')}
`,
  'dags/short.yaml': `name: short
params: [{ name: items, type: array, required: true }]
steps:
  - { id: each, foreach: "\${params.items}", command: "true" }
`,
});

beforeAll(async () => {
  folder = folderWith(project());
  execFileSync('mkfifo', [ledger.path('pipe')]);
  const env = { SKEIN_SLOTS: String(count / workers + 10), SKEIN_LEASE_MS: '60000', SKEIN_DRAIN_MS: '1000' };
  stack = await Stack.start(folder, { workers, env: { ...env, ...memory.env } });
});

afterAll(async () => {
  const { left } = await stack.stop();
  expect([left, await stack.leftovers()]).toEqual([[], []]);
  stack.remove();
  ledger.remove();
  memory.remove();
  rmSync(folder, { recursive: true, force: true });
});

const items = Array.from({ length: count }, (_, index) => index);
const every = items.map((item) => `${item} 1`).toSorted();

const linesOf = (kind: string): readonly string[] =>
  ledger
    .lines('many')
    .filter((line) => line.startsWith(`${kind} `))
    .map((line) => line.slice(kind.length + 1));

/** Lets go whoever waits in the pipe; false when nobody does. */
const open = (): boolean => {
  try {
    closeSync(openSync(ledger.path('pipe'), constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
};

it('a coordinator that is killed while 1,000 tasks run is back within the lease: none runs again, none is lost [crash 6]', async () => {
  // In four runs, one after the other: starting a thousand processes at once is not what this is about.
  const runs: RunJson[] = [];
  for (let quarter = 0; quarter < 4; quarter += 1) {
    const [from, to] = [quarter * (count / 4), (quarter + 1) * (count / 4)];
    runs.push(await stack.submit('many', { items: items.slice(from, to) }));
    await eventually(`${to} of them run`, () => linesOf('begin').length >= to, 180_000);
  }
  const before = stack.processOf('coordinator')?.pid ?? -1;
  signal(before, 'SIGKILL');
  await eventually('another coordinator has all its workers', async () => {
    const now = await stack.workers().catch(() => []);
    return now.filter((worker) => worker.state === 'connected').length === workers;
  });
  expect(stack.processOf('coordinator')?.pid).not.toBe(before);
  ledger.release('many');
  await eventually('all have ended', () => {
    open();
    return linesOf('end').length >= count;
  });
  for (const { runId } of runs) {
    const end = await stack.finished(runId);
    expect([end.status, end.steps[0]?.items?.['succeeded']]).toEqual(['succeeded', count / 4]);
    expect((await stack.facts(runId)).filter((fact) => fact.type === 'step_lost')).toEqual([]);
  }
  expect(linesOf('begin').toSorted()).toEqual(every);
  expect(linesOf('end').toSorted()).toEqual(every);
});

interface Reader {
  readonly seqs: readonly number[];
  /** Reads on until there are so many, or the stream ends. */
  read(until: number): Promise<void>;
}

const reader = async (runId: string, after: number): Promise<Reader> => {
  const response = await fetch(`${stack.http}/api/runs/${runId}/events`, {
    headers: { authorization: `Bearer ${stack.token}`, 'last-event-id': String(after) },
  });
  const chunks = response.body?.getReader();
  const decoder = new TextDecoder();
  const seqs: number[] = [];
  const gaps: string[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (event === 'gap') gaps.push(data);
      if (id !== undefined) seqs.push(Number(id));
    },
  });
  return {
    seqs,
    read: async (until) => {
      while (seqs.length < until) {
        const part = await chunks?.read().catch(() => undefined);
        if (part === undefined || part.done) return;
        parser.feed(decoder.decode(part.value, { stream: true }));
      }
      expect(gaps).toEqual([]);
    },
  };
};

it('a reader that reads nothing for a whole run, and one that comes back, see every event once; nobody waits for them [crash 30]', async () => {
  const pid = stack.processOf('coordinator')?.pid ?? -1;
  const before = await memory.heldMb(pid);
  const run = await stack.submit('short', { items: items.slice(0, 200) });
  const lazy = await Promise.all(Array.from({ length: 20 }, () => reader(run.runId, 0)));
  const back = await reader(run.runId, 0);
  await back.read(50);
  const slowest: number[] = [];
  const machine = new GivenTime(() => [pid]);
  await eventually(
    'the run ends',
    async () => {
      const askedAt = performance.now();
      const { status } = await stack.run(run.runId);
      slowest.push(performance.now() - askedAt);
      return status !== 'running';
    },
    90_000,
  );
  machine.stop();
  slowest.sort((a, b) => a - b);
  // One question may meet a disk that stands still.
  expect(slowest.at(-2) ?? 0).toBeLessThan(1_000 + machine.lostMs);
  // What they did not read is not kept for them.
  const grown = (await memory.heldMb(pid)) - before;
  expect(grown).toBeLessThan(20);
  const facts = (await stack.facts(run.runId)).map((fact) => fact.seq);
  expect(facts).toEqual(Array.from({ length: facts.length }, (_, index) => index + 1));
  const rest = await reader(run.runId, back.seqs.at(-1) ?? 0);
  await rest.read(Number.POSITIVE_INFINITY);
  expect([...back.seqs, ...rest.seqs]).toEqual(facts);
  for (const each of lazy) {
    await each.read(Number.POSITIVE_INFINITY);
    const later = await reader(run.runId, each.seqs.at(-1) ?? 0);
    await later.read(Number.POSITIVE_INFINITY);
    expect([...each.seqs, ...later.seqs]).toEqual(facts);
  }
});
