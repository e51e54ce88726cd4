import { dagDigest } from '@skein/domain';
import type { ReadProject } from '@skein/ports';
import { createNodeHasher } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { createProjectReader } from './create-project-reader.ts';

const hasher = createNodeHasher();
const reader = createProjectReader({ hasher });

const read = (dags: { readonly [file: string]: string }) => {
  const files = Object.entries(dags).map(([file, text]) => ({
    path: `dags/${file}.yaml`,
    mode: 0o644,
    bytes: new TextEncoder().encode(text),
  }));
  return reader.read(files, { provider: 'offline', model: 'rules-1' });
};
const readValid = (dags: { readonly [file: string]: string }): ReadProject => {
  const project = read(dags);
  if (!project.ok) throw new Error(renderProblems(project.error));
  return project.value;
};
const warningsOf = (dags: { readonly [file: string]: string }): readonly string[] => {
  const rendered = renderProblems(readValid(dags).warnings);
  return rendered === '' ? [] : rendered.split('\n');
};

const calling = (name: string, more = ''): string => `steps:\n  - { id: s, call: ${name}${more} }\n`;

describe('calls in a project', () => {
  test('inline sub-DAGs come by digest, once, as values of their own', () => {
    const leaf = '---\nname: leaf\nsteps: [echo]\n';
    const project = readValid({ a: calling('leaf') + leaf, b: calling('leaf') + leaf });
    const inner = project.dags[0]?.dag.subDags?.['leaf'];
    expect(project.dags.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(project.subDags).toEqual([{ name: 'leaf', digest: inner && dagDigest(inner, hasher), dag: inner }]);
    expect(project.warnings).toEqual([]);
  });

  test('two inline sub-DAGs of one name and other content are two', () => {
    const project = readValid({
      a: `${calling('leaf')}---\nname: leaf\nsteps: [echo a]\n`,
      b: `${calling('leaf')}---\nname: leaf\nsteps: [echo b]\n`,
    });
    expect(project.subDags.map(({ name }) => name)).toEqual(['leaf', 'leaf']);
  });

  test('a DAG that is nowhere is a warning with the name that was meant', () => {
    expect(warningsOf({ a: calling('chidl'), child: 'steps: [echo]' })).toEqual([
      'dags/a.yaml:2:20: step s calls DAG chidl, which is not in the project (did you mean child?)',
    ]);
    expect(warningsOf({ a: `${calling('chidl')}---\nname: child\nsteps: [echo]\n` })).toEqual([
      'dags/a.yaml:2:20: step s calls DAG chidl, which is not in the project (did you mean child?)',
    ]);
    expect(warningsOf({ a: calling('elsewhere') })).toEqual([
      'dags/a.yaml:2:20: step s calls DAG elsewhere, which is not in the project (expected a DAG that the coordinator has)',
    ]);
  });

  test('every choice of an expression, and every call of a handler, is looked at', () => {
    const text = [
      'params: { x: a }',
      'handler_on: { exit: { call: gone } }',
      'steps:',
      '  - { id: s, call: "${params.x}", choices: [child, lost] }',
    ].join('\n');
    expect(warningsOf({ a: text, child: 'steps: [echo]' }).map((line) => line.split(' (')[0])).toEqual([
      'dags/a.yaml:2:29: step @exit calls DAG gone, which is not in the project',
      'dags/a.yaml:4:44: step s calls DAG lost, which is not in the project',
    ]);
  });

  test('parameters that a DAG of the project does not take are warnings', () => {
    const child = 'params:\n  - { name: file, required: true }\n  - n: 1\nsteps: [echo]\n';
    expect(warningsOf({ a: calling('child', ', params: { fiel: x, n: many }'), child })).toEqual([
      'dags/a.yaml:2:20: DAG child needs the parameter file (expected params: { file: … })',
      'dags/a.yaml:2:35: DAG child has no parameter fiel (did you mean file?)',
      'dags/a.yaml:2:35: in the call of child, the parameter "n" is not an integer (expected an integer)',
    ]);
  });

  test('DAGs that call each other are a warning that names the ring', () => {
    expect(warningsOf({ a: calling('a') })).toEqual([
      'dags/a.yaml:1:1: these DAGs call each other: a -> a (expected a precondition that ends it; at most 16 calls may nest)',
    ]);
    const warnings = warningsOf({ a: calling('b'), b: calling('c'), c: calling('b'), d: calling('a') });
    expect(warnings.map((line) => line.split(' (')[0])).toEqual([
      'dags/b.yaml:1:1: these DAGs call each other: b -> c -> b',
    ]);
  });

  test('inline sub-DAGs that call each other are named with their file', () => {
    const text = `${calling('x')}---\nname: x\n${calling('y')}---\nname: y\n${calling('x')}`;
    const warnings = warningsOf({ a: text, x: 'steps: [echo]' });
    expect(warnings.map((line) => line.split(' (')[0])).toEqual([
      'dags/a.yaml:1:1: inside this file, its document x hides the DAG x of the project',
      'dags/a.yaml:1:1: these DAGs call each other: a/x -> a/y -> a/x',
    ]);
  });

  test('a project in which every DAG may call every other is answered', () => {
    const names = Array.from({ length: 70 }, (_, index) => `d${index}`);
    const text = `params: { x: d1 }\nsteps:\n  - { id: s, call: "\${params.x}", choices: [${names.join(', ')}] }\n`;
    const warnings = warningsOf(Object.fromEntries(names.map((name) => [name, text])));
    expect(warnings.length).toBeGreaterThan(0);
    for (const warning of warnings) expect(warning.length).toBeLessThan(300);
  });

  test('an inline sub-DAG that hides a DAG of the project is a warning', () => {
    const [warning, ...more] = warningsOf({
      a: `${calling('child')}---\nname: child\nsteps: [echo]\n`,
      child: 'steps: [echo]',
    });
    expect(warning).toContain('its document child hides the DAG child of the project');
    expect(more).toEqual([]);
  });

  test('agents of inline sub-DAGs and of handlers are looked at, and named with their DAG', () => {
    const text = `handler_on: { exit: { agent: lost, prompt: p } }\n${calling('child')}---\nname: child\nsteps:\n  - { id: t, agent: gone, prompt: p }\n`;
    const project = read({ a: text });
    expect(project.ok ? [] : renderProblems(project.error).split('\n')).toEqual([
      'dags/a.yaml:1:30: step @exit asks for agent lost, which does not exist (expected agents/lost/agent.yaml)',
      'dags/a.yaml:7:21: step child/t asks for agent gone, which does not exist (expected agents/gone/agent.yaml)',
    ]);
  });

  test('nothing is said about names while a file cannot be read', () => {
    const project = read({ a: calling('child'), child: 'steps: 1' });
    expect(project.ok ? 0 : project.error.length).toBe(1);
  });
});
