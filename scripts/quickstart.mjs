// Plain Node, no dependencies: installs what is missing, builds, and hands over to the built quickstart.
//   npm run quickstart [-- --repo DIR --last N --json --keep]
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';

const beganAt = Date.now();
const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
process.env.INIT_CWD ??= process.cwd();

if (args.includes('--help') || args.includes('-h')) {
  console.log(`npm run quickstart [-- options]

Installs, builds, starts Skein with two workers, writes release notes with a DAG of agents, and stops everything again.

  --repo DIR   git repository to describe (default: this clone)
  --last N     how many commits (default: 60, or as many as there are)
  --json       the last line of stdout is one JSON object
  --keep       leave it running afterwards`);
  process.exit(0);
}

await prepare('quickstart', root);

const main = pathToFileURL(join(root, 'apps', 'cli', 'dist', 'quickstart', 'main.js'));
const { quickstart } = await import(main.href);
process.exit(await quickstart(args, beganAt));
