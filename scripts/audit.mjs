// Plain Node, no dependencies: asks the registry for known weaknesses of what is installed, and fails for those that are high or critical.
//   node scripts/audit.mjs                     a registry that cannot say is a skip, told plainly
//   REQUIRE_AUDIT=1 node scripts/audit.mjs     … is a failure
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const failing = ['high', 'critical'];
const timeoutMs = 120_000;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const { stdout, error } = spawnSync('npm', ['audit', '--json'], {
  encoding: 'utf8',
  timeout: timeoutMs,
  maxBuffer: 256 * 1024 * 1024,
  shell: process.platform === 'win32',
});
process.exitCode = judge(readReport(stdout ?? ''), error);

/** What npm says; undefined when that is no report. */
function readReport(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The exit code, and what there is to say. */
function judge(report, failure) {
  const counts = report?.metadata?.vulnerabilities;
  if (counts === undefined) {
    const why = report?.statusCode === undefined ? (failure?.message ?? 'no answer') : `status ${report.statusCode}`;
    return skip(`the registry in use answers no audit (${why}); nothing is known of weaknesses of dependencies`);
  }
  const summary = ['info', 'low', 'moderate', 'high', 'critical']
    .map((severity) => `${counts[severity] ?? 0} ${severity}`)
    .join(', ');
  const bad = Object.values(report.vulnerabilities ?? {}).filter(({ severity }) => failing.includes(severity));
  for (const { name, severity, range, via, fixAvailable } of bad) {
    const titles = via.map((cause) => (typeof cause === 'string' ? `by ${cause}` : `${cause.title} ${cause.url}`));
    console.error(`${severity}: ${name} ${range}${fixAvailable === false ? ' (no fix yet)' : ''}`);
    for (const title of titles) console.error(`  ${title}`);
  }
  console.log(`audit: ${summary}`);
  const count = failing.reduce((sum, severity) => sum + (counts[severity] ?? 0), 0);
  return count > 0 ? 1 : 0;
}

function skip(message) {
  const isRequired = process.env['REQUIRE_AUDIT'] === '1';
  console.error(`audit: ${isRequired ? 'failed' : 'SKIPPED'}: ${message}`);
  return isRequired ? 1 : 0;
}
