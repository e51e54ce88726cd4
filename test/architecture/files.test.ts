import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { EMPTY_NAMES, LINE_BUDGET } from './rooms.ts';
import { readSources, type SourceFile, withoutComments } from './workspace.ts';

const shipped = [...readSources('packages'), ...readSources('apps')].filter((file) => file.path.includes('/src/'));
const everything = [...shipped, ...readSources('test'), ...readSources('bench'), ...readSources('scripts')];
const counted = shipped.filter((file) => !file.isTest);

test('no file is longer than the hard limit', () => {
  const long = everything.filter((file) => file.lines > LINE_BUDGET.hard);
  expect(long.map((file) => `${file.path} has ${file.lines} lines`)).toEqual([]);
});

test('the median file stays within its budget', () => {
  expect(percentile(counted, 50)).toBeLessThanOrEqual(LINE_BUDGET.median);
});

test('the 95th percentile stays within its budget', () => {
  const size = percentile(counted, 95);
  const longest = counted.filter((file) => file.lines > LINE_BUDGET.p95);
  const offenders = longest.map((file) => `${file.path} has ${file.lines} lines`);
  expect(size <= LINE_BUDGET.p95 ? [] : offenders).toEqual([]);
});

test('file names are kebab-case', () => {
  const name = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|prop|int|slow|sim|e2e|compose|config|shared|d))*\.tsx?$/;
  expect(paths(everything.filter((file) => !name.test(basename(file.path))))).toEqual([]);
});

test('file names say what is inside', () => {
  expect(paths(everything.filter((file) => EMPTY_NAMES.includes(basename(file.path))))).toEqual([]);
});

test('a package has one index.ts, at the top of its src', () => {
  const inner = shipped.filter((file) => basename(file.path) === 'index.ts');
  expect(paths(inner.filter((file) => !/^packages\/[^/]+\/src\/index\.ts$/.test(file.path)))).toEqual([]);
});

test('nothing is exported by star', () => {
  expect(paths(shipped.filter((file) => /^\s*export\s*(type\s*)?\*/m.test(withoutComments(file.text))))).toEqual([]);
});

test('the domain reads neither the clock nor chance', () => {
  const impure = /\bnew\s+Date\s*\(\s*\)|\bnew\s+Date\b(?!\s*\()|\bDate\s*\.\s*now\b|\bMath\s*\.\s*random\b/;
  const domain = counted.filter((file) => file.path.startsWith('packages/domain/'));
  expect(paths(domain.filter((file) => impure.test(withoutComments(file.text))))).toEqual([]);
});

function paths(files: readonly SourceFile[]): string[] {
  return files.map((file) => file.path);
}

function percentile(files: readonly SourceFile[], percent: number): number {
  const sizes = files.map((file) => file.lines).toSorted((a, b) => a - b);
  return sizes[Math.max(0, Math.ceil((sizes.length * percent) / 100) - 1)] ?? 0;
}
