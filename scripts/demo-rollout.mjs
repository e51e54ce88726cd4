// Plain Node, no dependencies: installs what is missing, builds, and hands over to the built demo.
//   npm run demo:rollout [-- --json]
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';

const beganAt = Date.now();
const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
process.env.INIT_CWD ??= process.cwd();

if (args.some((arg) => arg !== '--json')) {
  console.log(`npm run demo:rollout [-- --json]

Installs, builds, starts Skein with two workers, rolls out a version that is worse and one that is not, each with a few hundred runs,
shows that the first takes itself back and that the second is promoted step by step, and stops everything again.

  --json       the last line of stdout is one JSON object`);
  process.exit(args.includes('--help') || args.includes('-h') ? 0 : 2);
}

await prepare('demo:rollout', root);

const main = pathToFileURL(join(root, 'apps', 'cli', 'dist', 'demo', 'main.js'));
const { demo } = await import(main.href);
process.exit(await demo(args.includes('--json'), beganAt));
