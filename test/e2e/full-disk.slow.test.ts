import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { eventually, folderWith, type RunJson, Stack } from './stack.ts';

/** A disk of 48 MB in memory; undefined where this user may not mount one. */
const mountDisk = (): string | undefined => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-e2e-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m,mode=0700', 'tmpfs', folder]);
  if (status === 0) return folder;
  rmSync(folder, { recursive: true });
  return undefined;
};

const disk = mountDisk();
if (disk === undefined) console.warn('SKIPPED: the test of a full disk needs the right to mount (run it as root)');

/** Fills the disk to the last byte. */
const fill = (folder: string): void => {
  const file = openSync(join(folder, 'filler'), 'a');
  for (let size = 1024 * 1024; size >= 1; ) {
    try {
      if (writeSync(file, Buffer.alloc(size)) < size) size = Math.floor(size / 2);
    } catch {
      size = Math.floor(size / 2);
    }
  }
  closeSync(file);
};

interface Problem {
  readonly code: string;
  readonly details?: { readonly reason?: string };
}

it.skipIf(disk === undefined)(
  'on a full disk nothing is acknowledged, the reason is said, and what was acknowledged goes on when there is room [crash 22]',
  async () => {
    if (disk === undefined) return;
    const ledger = new Ledger();
    const folder = folderWith({
      'dags/held.yaml': `name: held
steps:
  - { id: hold, command: '${ledger.note('held', 'begin')}; ${ledger.hold('held')}; ${ledger.note('held', 'end')}' }
  - { id: after, depends: hold, command: '${ledger.note('held', 'after')}' }
`,
      'dags/quick.yaml': `name: quick
params: [{ name: text, type: string, default: "" }]
steps: [{ id: wait, wait: { message: true } }]
`,
    });
    const stack = await Stack.start(folder, { data: disk, workers: 1, env: { SKEIN_LEASE_MS: '60000' } });
    try {
      const held = await stack.submit('held');
      await ledger.written('held', 1);
      fill(disk);
      const text = 'x'.repeat(20_000);
      const taken: RunJson[] = [];
      // The log on disk still has some room of its own.
      const refused = await eventually('a submit is refused', async () => {
        const answer = await stack.call<RunJson & Problem>('POST', '/api/runs', { dag: 'quick', params: { text } });
        if (answer.status === 201) taken.push(answer.body);
        return answer.status === 201 ? undefined : answer;
      });
      expect([refused.status, refused.body.code, refused.body.details?.reason]).toEqual([
        503,
        'unavailable',
        'disk_full',
      ]);
      // Files of their own are refused for the same reason.
      const large = await stack.call<Problem>('POST', '/api/runs', { dag: 'quick', params: { text: text.repeat(10) } });
      expect([large.status, large.body.details?.reason]).toEqual([503, 'disk_full']);
      const readiness = await stack.call<{ status: string; checks: Record<string, { ok: boolean; detail?: string }> }>(
        'GET',
        '/readyz',
      );
      expect([readiness.status, readiness.body.status]).toEqual([503, 'not_ready']);
      expect(JSON.stringify(readiness.body.checks)).toContain('disk_full');
      // The result of the step comes while nothing can be written.
      ledger.release('held');
      await ledger.written('held', 2);
      const message = await stack.call<Problem>(
        'POST',
        `/api/runs/${taken[0]?.runId ?? held.runId}/steps/wait/messages`,
        {
          text: 'now',
        },
      );
      expect(message.status).toBe(503);
      expect((await stack.run(held.runId)).steps.map((step) => step.status)).not.toContain('succeeded');
      const known = await stack.call<{ items: readonly RunJson[] }>('GET', '/api/runs?limit=500');
      expect(known.body.items.map((run) => run.runId).toSorted()).toEqual(
        [held, ...taken].map((run) => run.runId).toSorted(),
      );
      expect(statfsSync(disk).bavail * statfsSync(disk).bsize).toBeLessThan(64 * 1024);
      rmSync(join(disk, 'filler'));
      await eventually('it is ready again', async () => (await stack.call('GET', '/readyz')).status === 200);
      const end = await stack.finished(held.runId);
      expect([end.status, end.steps.map((step) => step.attempt)]).toEqual(['succeeded', [1, 1]]);
      expect(ledger.lines('held')).toEqual(['begin', 'end', 'after']);
      const fresh = await stack.submit('quick', { text });
      for (const { runId } of [fresh, ...taken]) {
        const sent = await stack.call('POST', `/api/runs/${runId}/steps/wait/messages`, { text: 'now' });
        expect(sent.status).toBe(201);
        expect((await stack.finished(runId)).status).toBe('succeeded');
      }
    } finally {
      await stack.stop();
      spawnSync('umount', ['-l', disk]);
      for (const path of [disk, folder]) rmSync(path, { recursive: true, force: true });
      ledger.remove();
    }
  },
);
