// Writes the TypeScript types of every proto file into packages/grpc/src/generated.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const files = readdirSync('proto', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto'));
const options = ['--longs=String', '--enums=String', '--defaults', '--oneofs', '--includeDirs=proto'];
const output = ['--grpcLib=@grpc/grpc-js', '--importFileExtension=.ts', '--outDir=packages/grpc/src/generated'];

const { status } = spawnSync('proto-loader-gen-types', [...options, ...output, ...files.sort()], { stdio: 'inherit' });
process.exitCode = status ?? 1;
