import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { renderProblems } from '../problem/render-problems.ts';
import { dagJsonSchema } from './dag-json-schema.ts';
import { parseDag } from './parse-dag.ts';

const dataOf = (folder: string): URL => new URL(`../../test-data/${folder}/`, import.meta.url);
const yamlFiles = (folder: string): readonly string[] =>
  readdirSync(dataOf(folder))
    .filter((name) => name.endsWith('.yaml'))
    .toSorted();
const textOf = (folder: string, name: string): string => readFileSync(new URL(name, dataOf(folder)), 'utf8');

/** The documents of a file as editors see them, each by itself. */
const documentsOf = (folder: string, name: string): readonly unknown[] =>
  [parseAllDocuments(textOf(folder, name))]
    .flat()
    .map((document): unknown => ('toJS' in document ? document.toJS() : null))
    .filter((document) => document !== null);

const bad = yamlFiles('bad');
const good = yamlFiles('good');
const isValidForEditors = new Ajv2020({ strict: false }).compile(dagJsonSchema());

test('there are enough bad and good files to mean something', () => {
  expect(bad.length).toBeGreaterThanOrEqual(35);
  expect(good.length).toBeGreaterThanOrEqual(10);
});

/** The golden text of a file; UPDATE_GOLDEN=1 makes it what the code gives now. */
const golden = (folder: string, name: string, rendered: string): string => {
  const file = new URL(name.replace('.yaml', '.txt'), dataOf(folder));
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, rendered);
  return existsSync(file) ? readFileSync(file, 'utf8') : 'no golden file';
};

test.each(bad)('%s gives exactly the problems of its golden file', (name) => {
  const read = parseDag(textOf('bad', name), name);
  const rendered = read.ok ? '' : `${renderProblems(read.error)}\n`;
  expect(read.ok).toBe(false);
  expect(rendered).toBe(golden('bad', name, rendered));
});

test.each(bad)('every problem of %s has a place inside the file', (name) => {
  const text = textOf('bad', name);
  const lines = text.split('\n');
  const read = parseDag(text, name);
  for (const problem of read.ok ? [] : read.error) {
    expect(problem.file).toBe(name);
    expect(problem.line).toBeGreaterThanOrEqual(1);
    expect(problem.line).toBeLessThanOrEqual(lines.length);
    expect(problem.column).toBeLessThanOrEqual((lines[(problem.line ?? 1) - 1]?.length ?? 0) + 1);
  }
});

test.each(good)('%s is a valid DAG', (name) => {
  const read = parseDag(textOf('good', name), `dags/${name}`);
  expect(read.ok ? '' : renderProblems(read.error)).toBe('');
});

test.each(good)('%s means what its golden file says', (name) => {
  const read = parseDag(textOf('good', name), `dags/${name}`);
  const rendered = `${JSON.stringify(read.ok ? read.value : read.error, undefined, 2)}\n`;
  expect(rendered).toBe(golden('good', name, rendered));
});

test.each(good.filter((name) => name !== 'anchors.yaml'))('the schema for editors accepts %s', (name) => {
  for (const document of documentsOf('good', name)) {
    const valid = isValidForEditors(document);
    expect(valid ? [] : isValidForEditors.errors).toEqual([]);
  }
});

test.each([
  'unknown-dag-field',
  'unknown-step-field',
  'wrong-types',
  'bad-policies',
  'no-steps',
  'empty-steps',
  'handlers',
  'secrets',
  'dag-outputs',
])('the schema for editors refuses %s', (name) => {
  expect(documentsOf('bad', `${name}.yaml`).every((document) => isValidForEditors(document))).toBe(false);
});

test('the committed schema for editors is the one that the tables give', () => {
  const committed = new URL('../../../../docs/dag.schema.json', import.meta.url);
  expect(JSON.parse(readFileSync(committed, 'utf8'))).toEqual(dagJsonSchema());
});
