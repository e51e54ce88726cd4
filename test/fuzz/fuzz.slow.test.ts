import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const fuzz = (...args: readonly string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL('../../scripts/fuzz.mjs', import.meta.url)), ...args], {
    encoding: 'utf8',
  });

test('ten seconds of fuzzing find nothing that is not a typed refusal', () => {
  // Longer than that only where the machine gave it no time for so many: how many there were is what counts.
  const { status, stdout, stderr } = fuzz('--seconds', '10', '--executions', '1001', '--seed', '20261121');
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toContain('no failure');
  expect(Number(/(\d+) executions/.exec(stdout.split('\n').at(-3) ?? '')?.[1])).toBeGreaterThan(1_000);
});

test('an input is played again from its file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-replay-'));
  try {
    const file = join(folder, 'input.json');
    writeFileSync(
      file,
      JSON.stringify({ target: 'part-soul', base64: Buffer.from('{"__proto__":1}').toString('base64') }),
    );
    const { status, stdout } = fuzz('--replay', file);
    expect(stdout).toContain('part-soul: snapshot_invalid soul: the key');
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
