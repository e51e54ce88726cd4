import { propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseReferences } from '../reference/parse-references.ts';
import { compileShellText } from './compile-shell-text.ts';
import { isShellInteger } from './shell-program.ts';

const programOf = (text: string): string => compileShellText(text).program;

describe('a reference in shell text', () => {
  test.each([
    ['bare', 'echo ${params.x}', 'echo "${SKEIN_REF_1}"'],
    ['in double quotes', 'echo "a ${params.x}"', 'echo "a ${SKEIN_REF_1}"'],
    ['in single quotes', "echo 'a ${params.x} b'", `echo 'a '"\${SKEIN_REF_1}"' b'`],
    ['in a here-document', 'cat <<E\n${params.x}\nE', 'cat <<E\n${SKEIN_REF_1}\nE'],
    ['in arithmetic', 'echo $((${params.x}))', 'echo $((${SKEIN_REF_1}))'],
    ['in an arithmetic command', '((${params.x} > 1))', '(("${SKEIN_REF_1}" > 1))'],
    ['in a comment', 'a # ${params.x}\n', 'a # ${params.x}\n'],
    ['after a backslash', 'echo \\${params.x}', 'echo \\${params.x}'],
    ['after a dollar sign of its own', 'echo "\\$${params.x}"', 'echo "\\$${SKEIN_REF_1}"'],
    ['as a pattern in quotes', 'echo "${V%${params.x}}"', 'echo "${V%"${SKEIN_REF_1}"}"'],
    ['in a here-string', 'cat <<<${params.x}', 'cat <<<"${SKEIN_REF_1}"'],
    ['in a process substitution', 'cat <(echo ${params.x})', 'cat <(echo "${SKEIN_REF_1}")'],
    ['in a bash list', 'a=(${params.x} "b")', 'a=("${SKEIN_REF_1}" "b")'],
    ['after ANSI quotes', "echo $'it\\'s' ${params.x}", `echo $'it\\'s' "\${SKEIN_REF_1}"`],
    ['in a case pattern', 'case a in ${params.x}) b;; esac', 'case a in "${SKEIN_REF_1}") b;; esac'],
    ['in a subshell that looks like arithmetic', '((echo ${params.x}); b)', '((echo "${SKEIN_REF_1}"); b)'],
  ])('%s', (_name, text, program) => {
    expect(programOf(text)).toBe(program);
  });

  test('gets one variable for one use, named in order', () => {
    const { program, variables } = compileShellText('a ${params.x} ${item@file} ${params.x} $((${params.x}))');
    expect(program).toBe('a "${SKEIN_REF_1}" "${SKEIN_REF_2}" "${SKEIN_REF_1}" $((${SKEIN_REF_3}))');
    expect(variables).toEqual([
      { name: 'SKEIN_REF_1', expression: 'params.x', asFile: false, arithmetic: false },
      { name: 'SKEIN_REF_2', expression: 'item', asFile: true, arithmetic: false },
      { name: 'SKEIN_REF_3', expression: 'params.x', asFile: false, arithmetic: true },
    ]);
  });

  test.each([
    '$((${params.x}))',
    '((${params.x}))',
    '${a[${params.x}]}',
    '${a:${params.x}:1}',
    '$(( (1) + ${params.x} ))',
  ])('is marked where the shell would evaluate it: %s', (text) => {
    expect(compileShellText(text).variables).toMatchObject([{ arithmetic: true }]);
  });

  test.each([
    ["cat <<'E'\n${params.x}\nE\n", 'quoted delimiter'],
    ['cat <<\\E\n${params.x}\nE\n', 'quoted delimiter'],
    ['cat <<${params.x}\nE\n', 'delimiter'],
    ["echo $'${params.x}'", 'close the quote'],
    ['echo ${params.x:-y}', 'no reference'],
    ['echo ${steps.a}', 'no reference'],
  ])('is refused where it cannot be passed: %s', (text, reason) => {
    expect(() => compileShellText(text)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => compileShellText(text)).toThrow(reason);
  });

  test('that is escaped in a here-document with a quoted delimiter is printed', () => {
    expect(programOf("cat <<'E'\n$${params.x} $${HOME}\nE\n")).toBe("cat <<'E'\n${params.x} $${HOME}\nE\n");
  });
});

const pieces = fc.constantFrom(
  '${params.x}',
  '$${params.x}',
  '${item@file}',
  '$((',
  '))',
  '$(',
  '(',
  ')',
  '${A:-',
  '${A#',
  '}',
  '<<E',
  "<<'Q'",
  '\nE\n',
  '\nQ\n',
  '"',
  "'",
  '`',
  '\\',
  '#',
  ' ',
  '\n',
  ';',
  'case a in',
  ' esac ',
  "$'",
  '$',
  'word',
  '\r',
  '<',
  '>',
  '&',
);
const anyShellText = fc.array(pieces, { maxLength: 25 }).map((parts) => parts.join(''));

describe('compiling any text', () => {
  test('ends with a program whose variables are references of the text, or with a typed refusal', () => {
    fc.assert(
      fc.property(anyShellText, (text) => {
        let compiled: ReturnType<typeof compileShellText>;
        try {
          compiled = compileShellText(text);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'invalid_argument' });
          return;
        }
        const named = new Set(parseReferences(text).map(({ expression }) => expression));
        for (const { name, expression } of compiled.variables) {
          expect(named).toContain(expression);
          expect(compiled.program).toContain(`\${${name}}`);
        }
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });

  test('changes nothing where there is no reference', () => {
    fc.assert(
      fc.property(anyShellText, (text) => {
        const plain = text.replaceAll(/params|item/g, 'X');
        expect(compileShellText(plain)).toEqual({ program: plain, variables: [] });
      }),
    );
  });

  test('changes nothing where a backtick that was never closed ends in an escaped one', () => {
    for (const text of ['`${X}\\`', '`$((\\))$${X.x}\\`', '`']) {
      expect(compileShellText(text)).toEqual({ program: text, variables: [] });
    }
  });

  test('takes what is escaped for no reference where arithmetic has no end', () => {
    for (const text of ['$((\\))$${params.x}', '$((word\\))$${params.x}>', '$((`)`))$${params.x}']) {
      expect(compileShellText(text).variables).toEqual([]);
    }
  });

  test('refuses nesting that would exhaust the stack', () => {
    expect(() => compileShellText('$('.repeat(100_000))).toThrow('nested too deeply');
    expect(() => compileShellText(`${'${A:-'.repeat(100_000)}`)).toThrow('nested too deeply');
  });

  test('is linear in the length of a long text', () => {
    const text = 'echo ${params.x} "it is" $(echo a)\n'.repeat(20_000);
    expect(compileShellText(text).variables).toHaveLength(1);
  });
});

test('only plain integers may be evaluated by a shell', () => {
  for (const text of ['0', '-12', '1234567890123456789']) expect(isShellInteger(text)).toBe(true);
  for (const text of ['', 'a[$(id)]', '1+1', '1\n', ' 1', '0x10', '1e3', '12345678901234567890'])
    expect(isShellInteger(text)).toBe(false);
});
