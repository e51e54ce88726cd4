// Plain Node, no dependencies: what `npm run quickstart` and `npm run demo:rollout` need before they can begin.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { reasonToInstall } from './install.mjs';

/** How often something is shown while a command runs. */
const progressMs = 2_000;

/** Installs what is missing and builds, or ends the process with the reason. `name` is the command that people typed. */
export async function prepare(name, root) {
  const stop = (reason) => {
    console.error(`${name}: ${reason}`);
    process.exit(1);
  };
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    stop(`Node 20.19 or newer is needed; this is ${process.versions.node}`);
  const stale = reasonToInstall(root);
  const install = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const failure =
    (stale && (await quietly(root, `installing (${stale})`, 'npm', install))) ||
    (await quietly(root, 'building', process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b']));
  if (failure) stop(failure);
}

/** Runs a command without its output; gives it with the reason if it fails. Progress goes to stderr: stdout is for the answer. */
async function quietly(root, what, command, commandArgs) {
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
  return failure && `${Buffer.concat(said).toString().trim()}\n${what}: ${failure}`.trim();
}
