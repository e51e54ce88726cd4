import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startPatientTimer } from './patient-timer.ts';
import { unwatchedGroups } from './process-groups.ts';
import { runProcess } from './run-process.ts';

/** This thread stands still, as when the machine does. */
const standStill = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

interface Given {
  readonly killGraceMs: number;
  /** Called as soon as the process was told to end. */
  readonly onEnding: () => void;
  readonly mayStart?: () => boolean;
}

/** A process that tidies up when it is told to end, which takes until there is a file `go`. */
const run = async ({ killGraceMs, onEnding, mayStart = () => true }: Given) => {
  const cwd = await mkdtemp(join(tmpdir(), 'skein-process-'));
  onTestFinished(() => rm(cwd, { recursive: true, force: true }));
  const controller = new AbortController();
  let output = '';
  const tidy = 'until [ -e go ]; do sleep 0.01; done; echo tidy; exit 0';
  const ended = runProcess(
    {
      file: 'bash',
      args: ['-c', `trap "${tidy}" TERM; echo up; sleep 300 & wait`],
      cwd,
      env: { PATH: process.env['PATH'] ?? '', SKEIN_TASK: cwd },
      marker: `SKEIN_TASK=${cwd}`,
      groups: { ...unwatchedGroups, mayStart },
      killGraceMs,
      onStdout: (chunk) => {
        output += chunk.toString();
        if (controller.signal.aborted) return;
        controller.abort();
        onEnding();
      },
      onStderr: () => undefined,
    },
    controller.signal,
  );
  return { go: () => writeFileSync(join(cwd, 'go'), ''), ended, output: () => output };
};

test('a process that is told to end has its time also when this one stood still meanwhile', async () => {
  const { ended, output, go } = await run({
    killGraceMs: 2_000,
    onEnding: () => {
      standStill(2_600);
      go();
    },
  });
  expect(await ended).toEqual({ exitCode: 0 });
  expect(output()).toBe('up\ntidy\n');
});

test('a process has no more than its time when the lease may be over after this one stood still', async () => {
  let mayStart = true;
  const { ended, output, go } = await run({
    killGraceMs: 2_000,
    mayStart: () => mayStart,
    onEnding: () => {
      standStill(2_600);
      mayStart = false;
      const late = setTimeout(go, 500);
      onTestFinished(() => clearTimeout(late));
    },
  });
  expect(await ended).toMatchObject({ signal: 'SIGKILL' });
  expect(output()).toBe('up\n');
});

test('the time of a process ends also where this one stands still again and again', async () => {
  const stalls = setInterval(() => standStill(300), 1);
  onTestFinished(() => clearInterval(stalls));
  await new Promise<void>((resolve) => {
    startPatientTimer(100, resolve);
  });
});
