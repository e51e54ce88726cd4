import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, folderWith, rootFolder, Stack, signal } from './stack.ts';

/** A minute is the smallest period, so a test that sees two fires lasts about a minute. */
const minuteMs = 60_000;
const dags = ['tick', 'tock'];
const project = Object.fromEntries(
  dags.map((dag) => [
    `dags/${dag}.yaml`,
    `name: ${dag}\nschedule:\n  - { cron: "* * * * *", id: each-minute }\nsteps:\n  - echo fired\n`,
  ]),
);

interface FiredRun {
  readonly runId: string;
  readonly status: string;
}

interface SubmittedEvent {
  readonly type: string;
  readonly data: {
    readonly source?: { readonly kind: string; readonly scheduleId: string; readonly nominalAt: string };
  };
}

let folder: string;
let stack: Stack;

beforeAll(async () => {
  folder = folderWith(project);
  stack = await Stack.start(folder, { workers: 1 });
});

afterAll(async () => {
  const { left } = await stack.stop();
  stack.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(left).toEqual([]);
});

/** A scheduler process beside the one of `skein up`. */
const anotherScheduler = () => {
  const child = spawn(process.execPath, [join(rootFolder, 'apps/scheduler/dist/main.js')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SKEIN_URL: stack.http, SKEIN_TOKEN: stack.token, SKEIN_LOG_LEVEL: 'info' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  }
  /** Fires that it tried, whether or not it was the first. */
  const fires = (): number => output.match(/schedule fired/g)?.length ?? 0;
  return { child, fires, exited: new Promise<void>((resolve) => child.once('exit', () => resolve())) };
};

const runsOf = async (dag: string): Promise<readonly FiredRun[]> =>
  (await stack.call<{ readonly items: readonly FiredRun[] }>('GET', `/api/runs?dag=${dag}&limit=500`)).body.items;

/** The instants for which the runs of a DAG were started, sorted; every one as often as it has runs. */
const firesOf = async (dag: string): Promise<readonly string[]> => {
  const fires: string[] = [];
  for (const { runId } of await runsOf(dag)) {
    await stack.finished(runId);
    const response = await fetch(`${stack.http}/api/runs/${runId}/events`, {
      headers: { authorization: `Bearer ${stack.token}` },
    });
    const data = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map((match) => match[1] ?? '');
    const [submitted] = data.map((line) => JSON.parse(line) as SubmittedEvent);
    expect([submitted?.type, submitted?.data.source]).toMatchObject([
      'run_submitted',
      { kind: 'schedule', scheduleId: 'each-minute' },
    ]);
    fires.push(submitted?.data.source?.nominalAt ?? '');
  }
  return fires.toSorted();
};

/** Whole minutes from one instant to another, both included, as the runs name them. */
const minutes = (from: string, to: string): string[] => {
  const all: string[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += minuteMs) all.push(new Date(at).toISOString());
  return all;
};

describe('two schedulers on one coordinator', () => {
  it('start exactly one run for each minute, also when one of them is killed and makes up for what it missed', async () => {
    const second = anotherScheduler();
    // At its start a scheduler makes up for the last minute, so the same fires are tried by both, and by the next one again.
    await eventually('the second scheduler tried the last minute', () => second.fires() >= dags.length);
    const before = stack.processOf('scheduler');
    signal(before?.pid ?? -1, 'SIGKILL');
    await eventually('the first scheduler is started again', () => {
      const now = stack.processOf('scheduler');
      return now !== undefined && now.pid !== before?.pid;
    });
    for (const dag of dags) expect(await runsOf(dag)).not.toHaveLength(0);
    const fired = second.fires();
    await eventually('the next minute, by both', () => second.fires() >= fired + dags.length, 75_000);
    signal(second.child.pid ?? -1, 'SIGKILL');
    await second.exited;
    // The killed one's successor tries that minute once more.
    const third = anotherScheduler();
    await eventually('a third scheduler tried it too', () => third.fires() >= dags.length);
    third.child.kill('SIGTERM');
    await third.exited;
    expect(third.child.exitCode).toBe(0);
    for (const dag of dags) {
      const fires = await firesOf(dag);
      expect(fires.length).toBeGreaterThanOrEqual(2);
      expect([dag, fires]).toEqual([dag, minutes(fires[0] ?? '', fires.at(-1) ?? '')]);
    }
  });
});
