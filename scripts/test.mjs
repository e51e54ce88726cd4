// Plain Node, no dependencies: installs what is missing, builds, runs tiers of tests one after the other, adds them up.
//   node scripts/test.mjs              unit, int, e2e
//   node scripts/test.mjs long         slow, sim, chaos
//   node scripts/test.mjs <tier>...    the named tiers
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonToInstall } from './install.mjs';

const TIERS = ['unit', 'int', 'e2e', 'slow', 'sim', 'chaos'];
const GROUPS = { default: ['unit', 'int', 'e2e'], long: ['slow', 'sim', 'chaos'] };
/** Files that say how long something may take: they run on their own, after the others of their tier. */
const MEASURED = { e2e: ['test/e2e/kills.e2e.test.ts'] };
const REPORTS = join('tmp', 'test-report');

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
let broken = false;
for (const tier of tiers) {
  const { counts, ok } = runTier(tier);
  add(total, counts);
  broken ||= !ok;
}
process.exitCode = broken || total.failed > 0 ? 1 : 0;
console.log(`\n${summary(total)}`);

function runTier(tier) {
  const measured = MEASURED[tier] ?? [];
  // Vitest does not apply `--exclude` to projects, so the others are named.
  const others = measured.length === 0 ? [] : e2eFiles().filter((file) => !measured.includes(file));
  const parts = [runVitest(tier, tier, ...others)];
  if (measured.length > 0) parts.push(runVitest(tier, `${tier}-measured`, ...measured));
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const part of parts) add(counts, part.counts);
  console.log(`${tier}: ${summary(counts)}`);
  return { counts, ok: parts.every(({ ok }) => ok) };
}

function e2eFiles() {
  return readdirSync('test/e2e')
    .filter((name) => name.endsWith('.e2e.test.ts'))
    .map((name) => `test/e2e/${name}`);
}

function runVitest(tier, name, ...which) {
  const report = join(REPORTS, `${name}.json`);
  mkdirSync(REPORTS, { recursive: true });
  rmSync(report, { force: true });
  const args = ['run', '--project', tier, ...which];
  say(`vitest ${args.join(' ')}`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const status = run(process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), ...args, ...reporters]);
  const counts = readCounts(report);
  // A run that ended badly without naming a failed test (a crash, a leaked error) still counts as one failure.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
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

function run(command, args) {
  return spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
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
