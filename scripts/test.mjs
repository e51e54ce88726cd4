// Plain Node, no dependencies: installs what is missing, builds, runs tiers of tests one after the other, adds them up.
//   node scripts/test.mjs              unit, int, e2e
//   node scripts/test.mjs long         slow, sim, chaos
//   node scripts/test.mjs <tier>...    the named tiers
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonToInstall } from './install.mjs';

const TIERS = ['unit', 'int', 'e2e', 'slow', 'sim', 'chaos'];
const GROUPS = { default: ['unit', 'int', 'e2e'], long: ['slow', 'sim', 'chaos'] };
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
  for (const key of Object.keys(total)) total[key] += counts[key];
  broken ||= !ok;
}
process.exitCode = broken || total.failed > 0 ? 1 : 0;
console.log(`\n${summary(total)}`);

function runTier(tier) {
  const report = join(REPORTS, `${tier}.json`);
  mkdirSync(REPORTS, { recursive: true });
  rmSync(report, { force: true });
  const args = ['run', '--project', tier, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  say(`vitest ${args.slice(0, 3).join(' ')}`);
  const status = run(process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), ...args]);
  const counts = readCounts(report);
  // A run that ended badly without naming a failed test (a crash, a leaked error) still counts as one failure.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  console.log(`${tier}: ${summary(counts)}`);
  return { counts, ok: status === 0 };
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
