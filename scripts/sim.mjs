// Plays simulation seeds:  npm run sim -- --seed 42   |   npm run sim -- --seeds 10000 [--from 1]   |   npm run sim -- --mutant no_fencing
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../test/sim/run-seeds.ts', import.meta.url));
const tsx = fileURLToPath(new URL('../node_modules/tsx/dist/cli.mjs', import.meta.url));
const args = [tsx, '--conditions', 'skein-source', entry, ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
