import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { findMarked, launchVariable } from '@skein/launcher';
import { expect, it } from 'vitest';
import { GivenTime } from './given-time.ts';
import { slowness } from './machine-speed.ts';
import { eventually, isAlive, newMarker, rootFolder } from './stack.ts';

interface DemoJson {
  readonly ok: boolean;
  readonly bad: {
    readonly status: string;
    readonly candidateUnits: number;
    readonly eValue: number;
    readonly rollbackMs: number;
  };
  readonly good: { readonly status: string; readonly steps: readonly string[] };
}

it('the demo of rollouts takes less than two minutes, ends with one object, and leaves no process', async () => {
  const marker = newMarker();
  const slownessBefore = slowness();
  const took = new GivenTime();
  const child = spawn(process.execPath, [join(rootFolder, 'scripts/demo-rollout.mjs'), '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [launchVariable]: marker },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  took.stop();
  expect([exitCode, exitCode === 0 ? '' : stderr]).toEqual([0, '']);
  expect(took.ms).toBeLessThan(120_000 * Math.max(slownessBefore, slowness()));
  const { ok, bad, good } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as DemoJson;
  expect([ok, bad.status, good.status]).toEqual([true, 'rolled_back', 'completed']);
  expect(bad.candidateUnits).toBeGreaterThan(5);
  expect(bad.eValue).toBeGreaterThan(100);
  // Runs are admitted while a commit waits for a disk, or a coordinator that is about to commit stands still.
  expect(bad.rollbackMs).toBeLessThan(1_000 + took.lostMs);
  expect(good.steps).toEqual(['0.05', '0.25', '0.5', '1']);
  await eventually('nothing of it is left', async () => (await findMarked(marker)).filter(isAlive).length === 0);
}, 900_000);
