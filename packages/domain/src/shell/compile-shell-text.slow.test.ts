import { type SpawnSyncOptionsWithStringEncoding, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileShellText } from './compile-shell-text.ts';

/** Whatever `sh` is here, and bash where there is one. */
const shells = ['/bin/sh', '/bin/bash'].filter((shell) => existsSync(shell));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-shell-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the compiled text with every variable set to the value; the working directory shows whether anything else ran. */
const run = (shell: string, text: string, value: string): { readonly stdout: string; readonly stderr: string } => {
  const { program, variables } = compileShellText(text);
  const env = { PATH: process.env['PATH'] ?? '', ...Object.fromEntries(variables.map(({ name }) => [name, value])) };
  // Without a closed stdin, which would be a socket, bash takes itself for a remote shell and reads the user's files.
  const options: SpawnSyncOptionsWithStringEncoding = {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  const { stdout, stderr } = spawnSync(shell, ['-c', program], options);
  return { stdout, stderr };
};

const hostile = [
  '; touch injected; #',
  '$(touch injected)',
  '`touch injected`',
  '"; touch injected; "',
  "'; touch injected; '",
  "'\"'; touch injected; '\"'",
  '\\"; touch injected; \\"',
  '\n touch injected\n',
  '\nEOF\ntouch injected\n',
  'EOF',
  ') touch injected (',
  '}; touch injected; {',
  '& touch injected &',
  '| touch injected',
  '> injected',
  '${IFS}',
  '$HOME $0 $$ ${PATH}',
  '* ? [a-z] ~ {a,b}',
  'a  b\tc',
  ' leading and trailing ',
  '\\',
  '\\\\n\\t\\$x\\`',
  '-n -e %s %d',
  '#no comment',
  '!history!',
  "$'\\x41'",
  'ü 😀 \u2028',
  '',
];

/** Contexts in which the program prints the value and nothing else. `trims` are those where the shell itself drops line breaks at the end. */
const contexts: readonly {
  readonly name: string;
  readonly text: string;
  readonly trims?: boolean;
  readonly tail?: string;
}[] = [
  { name: 'a bare word', text: 'printf %s ${params.x}' },
  { name: 'double quotes', text: 'printf %s "${params.x}"' },
  { name: 'single quotes', text: "printf %s '${params.x}'" },
  { name: 'an assignment', text: 'v=${params.x}; printf %s "$v"' },
  { name: 'a for list', text: 'for v in ${params.x}; do printf %s "$v"; done' },
  { name: 'a here-document', text: 'cat <<EOF\n${params.x}\nEOF\n', tail: '\n' },
  { name: 'a here-document without tabs', text: 'cat <<-EOF\n\t${params.x}\n\tEOF\n', tail: '\n' },
  { name: 'two here-documents', text: 'cat <<A - /dev/fd/3 3<<B\n${params.x}\nA\nB\n', tail: '\n' },
  { name: 'a command substitution', text: 'printf %s "$(printf %s ${params.x})"', trims: true },
  { name: 'a bare command substitution', text: 'v=$(printf %s ${params.x}); printf %s "$v"', trims: true },
  { name: 'quotes in a substitution in quotes', text: 'printf %s "$(printf %s "${params.x}")"', trims: true },
  { name: 'single quotes in a substitution in quotes', text: `printf %s "$(printf %s '\${params.x}')"`, trims: true },
  { name: 'backticks', text: 'v=`printf %s ${params.x}`; printf %s "$v"', trims: true },
  { name: 'quotes in backticks', text: 'v=`printf %s "${params.x}"`; printf %s "$v"', trims: true },
  { name: 'backticks in quotes', text: 'printf %s "`printf %s ${params.x}`"', trims: true },
  { name: 'escaped quotes in backticks in quotes', text: 'printf %s "`printf %s \\"${params.x}\\"`"', trims: true },
  { name: 'backticks in backticks', text: 'v=`printf %s "\\`printf %s ${params.x}\\`"`; printf %s "$v"', trims: true },
  { name: 'a default', text: 'printf %s ${NOPE:-${params.x}}' },
  { name: 'a default in quotes', text: 'printf %s "${NOPE:-${params.x}}"' },
  { name: 'a quoted default in quotes', text: 'printf %s "${NOPE:-"${params.x}"}"' },
  { name: 'a quoted default', text: 'printf %s ${NOPE:-"${params.x}"}' },
  { name: 'a default in a here-document', text: 'cat <<EOF\n${NOPE:-${params.x}}\nEOF\n', tail: '\n' },
  {
    name: 'a substitution in a here-document',
    text: 'cat <<EOF\n$(printf %s ${params.x})\nEOF\n',
    trims: true,
    tail: '\n',
  },
  {
    name: 'a here-document in a substitution',
    text: 'v=$(cat <<EOF\n${params.x}\nEOF\n); printf %s "$v"',
    trims: true,
  },
  { name: 'a case word', text: 'case ${params.x} in zzz) ;; *) printf %s ${params.x};; esac' },
  {
    name: 'a case in a substitution',
    text: 'printf %s "$(case a in b) ;; a) printf %s ${params.x};; esac)"',
    trims: true,
  },
  { name: 'a subshell', text: '(printf %s ${params.x})' },
  { name: 'a group', text: '{ printf %s ${params.x}; }' },
  { name: 'a function', text: 'f() { printf %s "$1"; }; f ${params.x}' },
  { name: 'after a comment with a quote', text: "# it's ${params.x}\nprintf %s ${params.x}" },
  { name: 'after a # inside a word', text: "x=a#'b'; printf %s ${params.x}" },
  { name: 'after an arithmetic shift', text: 'x=$((1<<2)); printf %s ${params.x}' },
  { name: 'after an escaped quote', text: 'x=\\"; printf %s ${params.x}' },
];

const expected = (context: (typeof contexts)[number], value: string): string =>
  (context.trims === true ? value.replace(/\n+$/, '') : value) + (context.tail ?? '');

describe.each(shells)('under %s', (shell) => {
  test.each(contexts)('a hostile value in $name stays data', (context) => {
    for (const value of hostile) {
      const result = run(shell, context.text, value);
      expect({ value, stdout: result.stdout, stderr: result.stderr, files: readdirSync(folder) }).toEqual({
        value,
        stdout: expected(context, value),
        stderr: '',
        files: [],
      });
    }
  });

  test('any text in any context comes out byte for byte', () => {
    const pieces = fc.constantFrom(
      ...`;&|<>()$\`\\"'*?[]#~=%!{} \n\tab0-`.split(''),
      'EOF',
      '$(',
      '${',
      'touch injected',
      'ü',
      '😀',
    );
    const value = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.constantFrom(...contexts), value, (context, text) => {
        const result = run(shell, context.text, text);
        expect(result.stdout).toBe(expected(context, text));
        expect(readdirSync(folder)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('a pattern that a reference brings matches only itself', () => {
    expect(run(shell, 'v=ab; printf %s "${v#${params.x}}"', '*').stdout).toBe('ab');
    expect(run(shell, 'v="*b"; printf %s "${v#${params.x}}"', '*').stdout).toBe('b');
    expect(run(shell, "v='*b'; printf %s ${v#'${params.x}'}", '*').stdout).toBe('b');
    expect(run(shell, 'case abc in ${params.x}) printf yes;; *) printf no;; esac', '*').stdout).toBe('no');
  });

  test('an integer in arithmetic is added', () => {
    expect(run(shell, 'printf %s "$((${params.x} + 1)) $(( (${params.x}) * 2 ))"', '20').stdout).toBe('21 40');
  });

  test('an escaped reference is printed as it is written', () => {
    const text = `printf '%s|' $\${params.x} "$\${params.x}" '$\${params.x}' \\\${params.x} \`printf %s '$\${params.x}'\``;
    expect(run(shell, text, 'VALUE').stdout).toBe('${params.x}|'.repeat(5));
  });

  test('text without references runs as it is', () => {
    const text = 'A=1; cat <<\'EOF\'\n${A} `x`\nEOF\nprintf %s "${A:-x}" $(printf %s $A) `printf %s $A`';
    expect(compileShellText(text)).toEqual({ program: text, variables: [] });
    expect(run(shell, text, '').stdout).toBe('${A} `x`\n111');
  });
});
