// Writes the TypeScript types of every proto file into packages/grpc/src/generated, or into the folder given as argument.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = process.argv[2] ?? join(root, 'packages/grpc/src/generated');
const files = readdirSync(join(root, 'proto'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.proto'),
);
const loader = dirname(createRequire(join(root, 'packages/grpc/')).resolve('@grpc/proto-loader/package.json'));
const options = ['--longs=Number', '--enums=String', '--defaults', '--oneofs', '--includeDirs=proto'];
const output = ['--grpcLib=@grpc/grpc-js', '--importFileExtension=.ts', `--outDir=${outDir}`];

rmSync(outDir, { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  [join(loader, 'build/bin/proto-loader-gen-types.js'), ...options, ...output, ...files.sort()],
  { stdio: 'inherit', cwd: root },
);
process.exitCode = status ?? 1;
