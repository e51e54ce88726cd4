// Plain Node, no dependencies: installs what is missing, builds, runs tiers of tests one after the other, adds them up.
//   node scripts/test.mjs              unit, int, e2e
//   node scripts/test.mjs long         properties, slow, sim, chaos
//   node scripts/test.mjs <tier>...    the named tiers
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonToInstall } from './install.mjs';
import { failuresOf, printFailures, REPORTS } from './test-failures.mjs';

const TIERS = ['unit', 'int', 'e2e', 'properties', 'slow', 'sim', 'chaos', 'compose'];
const GROUPS = { default: ['unit', 'int', 'e2e'], long: ['properties', 'slow', 'sim', 'chaos'] };
/** How many times as often as in the unit tier properties are tried in a tier of their own. */
const FUZZ = '4';
/** Files that say how long something may take, or that start very much: each runs on its own, after the others of its tier. */
const ALONE = {
  e2e: ['test/e2e/kills.e2e.test.ts'],
  slow: [
    'test/e2e/bursts.slow.test.ts',
    'test/e2e/demo-rollout.slow.test.ts',
    'test/e2e/rollback-storm.slow.test.ts',
    'test/e2e/thousand.slow.test.ts',
    'test/fleet/fleet.slow.test.ts',
  ],
};

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const asked = process.argv.slice(2);
const tiers = asked.length === 0 ? GROUPS.default : asked.flatMap((name) => GROUPS[name] ?? [name]);
const unknown = tiers.filter((tier) => !TIERS.includes(tier));
if (unknown.length > 0) stop(`unknown test tier: ${unknown.join(', ')} (known: ${TIERS.join(', ')}, long)`);

const stale = reasonToInstall('.');
if (stale) {
  say(`npm ci (${stale})`);
  if (run('npm', ['ci']) !== 0) stop('npm ci failed');
}
say('npm run build');
if (run('npm', ['run', '--silent', 'build']) !== 0) stop('the build failed, no test was run');

const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
let broken = false;
for (const tier of tiers) {
  const { counts, ok } = runTier(tier);
  add(total, counts);
  broken ||= !ok;
}
process.exitCode = broken || total.failed > 0 ? 1 : 0;
printFailures(failures);
console.log(`\n${summary(total)}`);

function runTier(tier) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  let ok = true;
  for (const { project = tier, name, files, options = [], env } of partsOf(tier)) {
    const part = runVitest(project, name, [...files, ...options], env);
    add(counts, part.counts);
    ok &&= part.ok;
  }
  console.log(`${tier}: ${summary(counts)}`);
  return { counts, ok };
}

/** What is run for a tier, one after the other. */
function partsOf(tier) {
  if (tier === 'properties') {
    const options = ['--testTimeout=300000'];
    return [{ project: 'unit', name: tier, files: propertyFiles(), options, env: { FUZZ, ...process.env } }];
  }
  const alone = ALONE[tier];
  if (alone === undefined) return [{ name: tier, files: [] }];
  // Vitest does not apply `--exclude` to projects, so the others are named.
  const others = testFiles(['apps', 'packages', 'test'], `.${tier}.test.ts`).filter((file) => !alone.includes(file));
  const own = { project: tier, name: `${tier}-alone`, files: alone, options: ['--no-file-parallelism'] };
  return [{ name: tier, files: others }, own];
}

/** Files under folders, with `/` between their names. */
function testFiles(folders, end) {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith(end) && !/\/(node_modules|dist|tmp)\//.test(path)),
  );
}

/** Files whose properties are tried as often as asked. */
function propertyFiles() {
  return testFiles(['packages'], '.test.ts').filter((path) => readFileSync(path, 'utf8').includes('propertyRuns('));
}

function runVitest(project, name, which, env) {
  const report = join(REPORTS, `${name}.json`);
  mkdirSync(REPORTS, { recursive: true });
  rmSync(report, { force: true });
  const args = ['run', '--project', project, ...which];
  say(`vitest ${args.join(' ')}`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const status = run(process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), ...args, ...reporters], env);
  const counts = readCounts(report);
  const failed = failuresOf(report);
  // A run that ended badly without naming a failed test (a crash, a leaked error) still counts as one failure.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  if (status !== 0 && failed.length === 0) {
    failed.push({ file: name, test: '(no test)', reason: `vitest ended with ${status} and named no failed test` });
  }
  failures.push(...failed);
  return { counts, ok: status === 0 };
}

function add(sum, counts) {
  for (const key of Object.keys(sum)) sum[key] += counts[key];
}

/** Vitest writes no report when a tier has no test file. */
function readCounts(report) {
  if (!existsSync(report)) return { passed: 0, failed: 0, skipped: 0 };
  const { numPassedTests, numFailedTests, numTotalTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  const unloadable = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  return {
    passed: numPassedTests,
    failed: numFailedTests + unloadable,
    skipped: numTotalTests - numPassedTests - numFailedTests,
  };
}

function run(command, args, env = process.env) {
  return spawnSync(command, args, { stdio: 'inherit', env }).status ?? 1;
}

function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function say(line) {
  console.log(`\n> ${line}`);
}

function stop(reason) {
  console.error(`\n${reason}`);
  process.exit(1);
}
