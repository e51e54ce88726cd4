// Plain Node, no dependencies: installs what is missing, builds, and hands over to the built quickstart.
//   npm run quickstart [-- --repo DIR --last N --json --keep]
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

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

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) stop(`Node 20.19 or newer is needed; this is ${process.versions.node}`);

const stale = reasonToInstall();
if (stale) quietly(`installing (${stale})`, 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
quietly('building', process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b']);

const main = pathToFileURL(join(root, 'apps', 'cli', 'dist', 'quickstart', 'main.js'));
const { quickstart } = await import(main.href);
process.exit(await quickstart(args, beganAt));

/** Runs a command without its output, which is shown only if it fails. Progress goes to stderr: stdout is for the answer. */
function quietly(what, command, commandArgs) {
  const begin = Date.now();
  process.stderr.write(`${what} ...`);
  const { status, stdout, stderr, error } = spawnSync(command, commandArgs, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status === 0) {
    process.stderr.write(` ${((Date.now() - begin) / 1000).toFixed(1)} s\n`);
    return;
  }
  process.stderr.write(' failed\n');
  stop(`${stdout ?? ''}${stderr ?? ''}${error ? error.message : ''}`.trim());
}

/** Why node_modules cannot be used as it is, or undefined. A newer lockfile with the same content is no reason. */
function reasonToInstall() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lockfile = join(root, 'package-lock.json');
  if (!existsSync(installed)) return 'node_modules is missing';
  if (statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return undefined;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = Object.entries(JSON.parse(readFileSync(lockfile, 'utf8')).packages);
  const differs = want.some(([path, entry]) => {
    if (!path.includes('node_modules/') || (entry.optional && !have[path])) return false;
    return have[path]?.version !== entry.version;
  });
  return differs ? 'node_modules is older than package-lock.json' : undefined;
}

function stop(reason) {
  console.error(`quickstart: ${reason}`);
  process.exit(1);
}
