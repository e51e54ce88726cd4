import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const filesOf = (dir: string): { readonly [path: string]: string } =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .toSorted()
      .map((path) => [path, readFileSync(join(dir, path), 'utf8')]),
  );

test('the committed types are those that the proto files give', () => {
  const dir = mkdtempSync(join(tmpdir(), 'skein-proto-'));
  try {
    execFileSync(process.execPath, [join(root, 'scripts/generate-proto.mjs'), dir], { stdio: 'pipe' });
    expect(filesOf(join(root, 'packages/grpc/src/generated'))).toEqual(filesOf(dir));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}, 30_000);
