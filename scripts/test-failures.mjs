// The failed tests of Vitest's reports, each with the beginning of its reason. Long output hides a failure; the end does not.
//   node scripts/test-failures.mjs     of all reports that the tiers of the last run left
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

export const REPORTS = join('tmp', 'test-report');
/** Lines of a reason, and characters of each. */
const LINES = 25;
const WIDTH = 400;

/** The failed tests of one report: `{ file, test, reason }`. Nothing where there is no report. */
export function failuresOf(report) {
  if (!existsSync(report)) return [];
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative('.', name);
    const failed = assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => ({ file, test: test.fullName, reason: test.failureMessages.join('\n') }));
    // What keeps a file from loading, or fails in its hooks, belongs to no test.
    return failed.length === 0 && status === 'failed' ? [{ file, test: '(the file)', reason: message }] : failed;
  });
}

export function printFailures(failures) {
  for (const { file, test, reason } of failures) {
    const lines = stripVTControlCharacters(reason).trim().split('\n');
    const shown = lines.slice(0, LINES).map((line) => line.slice(0, WIDTH));
    if (lines.length > LINES) shown.push(`(${lines.length - LINES} lines more)`);
    console.log(`\nFAILED ${file} > ${test}\n  ${shown.join('\n  ')}`);
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  const reports = existsSync(REPORTS) ? readdirSync(REPORTS).map((name) => join(REPORTS, name)) : [];
  printFailures(reports.flatMap(failuresOf));
}
