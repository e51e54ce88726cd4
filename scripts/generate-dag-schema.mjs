// Writes docs/dag.schema.json, the JSON Schema of DAG files for editors, from the tables in packages/language.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = `
  import { dagJsonSchema } from '@skein/language';
  process.stdout.write(JSON.stringify(dagJsonSchema(), null, 2) + '\\n');
`;
const node = ['--import', 'tsx', '--conditions', 'skein-source', '--input-type=module', '--eval', program];
const { status, stdout } = spawnSync(process.execPath, node, {
  cwd: root,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (status === 0) {
  const file = join(root, 'docs', 'dag.schema.json');
  mkdirSync(join(root, 'docs'), { recursive: true });
  writeFileSync(file, stdout);
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  process.exitCode = spawnSync(process.execPath, [biome, 'format', '--write', file], { cwd: root }).status ?? 1;
} else {
  process.exitCode = status ?? 1;
}
