import { ShellCompiler } from './shell-compiler.ts';
import { type ShellProgram, ShellVariables } from './shell-program.ts';

/**
 * Turns every reference in POSIX shell text into a quoted expansion of an environment variable, so that a value is only ever data:
 * it is not split, not matched against files and never read as program text, whatever quotes the author put around it.
 *
 * - Bare and inside `'…'` the expansion brings its own double quotes; inside `"…"`, a here-document and `$((…))` it needs none.
 * - `$(…)` and backticks are read as commands of their own. Comments stay as they are. `\${…}` and `$${…}` are plain text.
 * - The shell still does what it does with any expansion: as a command word the value is the name of a program, `eval` and `sh -c`
 *   run it, `[[ -eq ]]` and `let` of bash evaluate it. Only in `$((…))`, `((…))` and array subscripts we can tell, and mark it `arithmetic`.
 *
 * Throws `invalid_argument` for an invalid reference, and for one inside `$'…'`, a here-document with a quoted delimiter
 * or a here-document's delimiter.
 */
export const compileShellText = (text: string): ShellProgram => {
  const variables = new ShellVariables();
  const program = new ShellCompiler(text, variables).program();
  return { program, variables: variables.list() };
};
