// Random kills and stops of real processes:  npm run chaos -- --minutes 10 --seed 42
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const run = (...args) => spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;

const built = run(path('node_modules/typescript/bin/tsc'), '-b', path('tsconfig.json'));
process.exitCode =
  built === 0
    ? run(
        path('node_modules/tsx/dist/cli.mjs'),
        '--conditions',
        'skein-source',
        path('test/chaos/main.ts'),
        ...process.argv.slice(2),
      )
    : built;
