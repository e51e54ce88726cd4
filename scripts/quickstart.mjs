// Plain Node, no dependencies: installs what is missing, builds, and hands over to the built quickstart.
//   npm run quickstart [-- --repo DIR --last N --json --keep]
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { reasonToInstall } from './install.mjs';

const beganAt = Date.now();
const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
/** How often something is shown while a command runs. */
const progressMs = 2_000;
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

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) stop(`Node 20.19 or newer is needed; this is ${process.versions.node}`);

const stale = reasonToInstall(root);
if (stale) await quietly(`installing (${stale})`, 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
await quietly('building', process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b']);

const main = pathToFileURL(join(root, 'apps', 'cli', 'dist', 'quickstart', 'main.js'));
const { quickstart } = await import(main.href);
process.exit(await quickstart(args, beganAt));

/** Runs a command without its output, which is shown only if it fails. Progress goes to stderr: stdout is for the answer. */
async function quietly(what, command, commandArgs) {
  const begin = Date.now();
  const seconds = () => (Date.now() - begin) / 1000;
  const live = process.stderr.isTTY === true;
  process.stderr.write(`${what} ...`);
  const progress = setInterval(() => {
    process.stderr.write(live ? `\r${what} ... ${seconds().toFixed(0)} s` : '.');
  }, progressMs);
  const said = [];
  const failure = await new Promise((resolve) => {
    const child = spawn(command, commandArgs, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk) => said.push(chunk));
    child.stderr.on('data', (chunk) => said.push(chunk));
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? code}`));
  });
  clearInterval(progress);
  process.stderr.write(
    `${live ? `\r${what} ...` : ''} ${seconds().toFixed(1)} s${failure === undefined ? '' : ', failed'}\n`,
  );
  if (failure !== undefined) stop(`${Buffer.concat(said).toString().trim()}\n${what}: ${failure}`.trim());
}

function stop(reason) {
  console.error(`quickstart: ${reason}`);
  process.exit(1);
}
