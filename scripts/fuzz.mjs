// Fuzzes everything that reads snapshots:  npm run fuzz -- [--seconds 120] [--executions 0] [--seed 1]   |   npm run fuzz -- --replay FILE
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../test/fuzz/main.ts', import.meta.url));
const tsx = fileURLToPath(new URL('../node_modules/tsx/dist/cli.mjs', import.meta.url));
const args = [tsx, '--conditions', 'skein-source', entry, ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
