// Plain Node, no dependencies: the unit tier and the quickstart on other versions of Node than the one that is installed.
//   npm run test:node-versions            Node 22 and 24
//   npm run test:node-versions -- 22      one of them
// Their programs come from the npm package `node`, into a temporary folder that is removed again; the tests are those of this clone, with the
// packages that it has. Not part of `npm test`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const asked = process.argv.slice(2);
const versions = asked.length === 0 ? ['22', '24'] : asked;
const wrong = versions.find((version) => !/^\d+(?:\.\d+){0,2}$/.test(version));
if (wrong !== undefined) {
  console.error(`${wrong} is no version of Node`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'skein-node-'));
const failures = [];
try {
  if (run('npm', ['run', '--silent', 'build'], process.env) !== 0) failures.push('the build failed');
  else for (const version of versions) failures.push(...tryVersion(version));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`\n${failures.length === 0 ? `all well on Node ${versions.join(' and ')}` : failures.join('\n')}`);
process.exitCode = failures.length === 0 ? 0 : 1;

function tryVersion(version) {
  const place = join(folder, version);
  mkdirSync(place);
  // The package puts its program in place with a script of its own, which newer versions of npm run only where they are told to.
  writeFileSync(join(place, 'package.json'), '{"private":true,"allowScripts":{"node":true}}\n');
  const installed = run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefix', place, `node@${version}`],
    process.env,
  );
  if (installed !== 0) return [`Node ${version} could not be installed`];
  const bin = join(place, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const program = join(bin, 'node');
  const found = spawnSync(program, ['--version'], { env, encoding: 'utf8' }).stdout?.trim() ?? '';
  if (!found.startsWith(`v${version}.`) && found !== `v${version}`) return [`Node ${version} does not start: ${found}`];
  console.log(`\n==== ${found} ====`);
  const parts = {
    'unit tests': [join('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'unit'],
    quickstart: [join('scripts', 'quickstart.mjs')],
  };
  return Object.entries(parts).flatMap(([name, args]) => {
    const status = run(program, args, env);
    console.log(`${found}: ${name} ${status === 0 ? 'passed' : `failed (exit ${status})`}`);
    return status === 0 ? [] : [`${found}: ${name} failed`];
  });
}

function run(command, args, env) {
  return spawnSync(command, args, { stdio: 'inherit', env }).status ?? 1;
}
