import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  compileShellText,
  DomainError,
  parseReferences,
  type ShellProgram,
  type Step,
  utf8Length,
} from '@skein/domain';
import { type Interpreter, interpreterOf, interpreterOfScript } from './interpreter.ts';
import type { StepEnvironment } from './step-environment.ts';

/** One process to be run for a step. */
export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
}

/** Larger programs go by file: a single argument may not exceed 128 KiB on Linux. */
const maxProgramBytes = 96 * 1024;

/** How many processes the step is, in order: one per command. */
export const commandCount = (step: Step): number => (step.action.kind === 'shell' ? step.action.commands.length : 1);

/** The command line number `index` (from 0). Throws `invalid_argument`, `too_large`; `unimplemented` for another kind of step. */
export const commandLine = async (
  step: Step,
  index: number,
  environment: StepEnvironment,
  privateDir: string,
): Promise<CommandLine> => {
  const { action } = step;
  switch (action.kind) {
    case 'shell':
      return shellLine(interpreterOf(step.shell), action.commands[index] ?? '', environment, privateDir, index);
    case 'script':
      return scriptLine(step, action.script, environment, privateDir);
    case 'exec':
      return execLine(action.argv, environment);
    case 'noop':
    case 'http':
    case 'agent':
    case 'call':
    case 'wait':
    case 'approval':
      throw new DomainError('unimplemented', `"${action.kind}" is no process`);
  }
};

const shellLine = async (
  interpreter: Interpreter,
  text: string,
  environment: StepEnvironment,
  privateDir: string,
  index: number,
): Promise<CommandLine> => {
  const { program, variables } = compile(interpreter, text);
  const env = await environment.variablesFor(variables);
  const { file, args } = interpreter;
  if (utf8Length(program) > maxProgramBytes) {
    const path = await writeProgram(privateDir, `command-${index}`, program);
    return { file, args: [...args.filter((arg) => !takesProgram(arg)), path], env };
  }
  return { file, args: args.some(takesProgram) ? [...args, program] : [...args, '-c', program], env };
};

const scriptLine = async (
  step: Step,
  script: string,
  environment: StepEnvironment,
  privateDir: string,
): Promise<CommandLine> => {
  const interpreter = interpreterOfScript(script) ?? interpreterOf(step.shell);
  const { program, variables } = compile(interpreter, script);
  // The interpreter is started by us and not by the kernel: a file that was just written may not be executable (noexec, ETXTBSY).
  const path = await writeProgram(privateDir, 'script', program);
  const args = [...interpreter.args.filter((arg) => !takesProgram(arg)), path];
  return { file: interpreter.file, args, env: await environment.variablesFor(variables) };
};

const execLine = async (argv: readonly string[], environment: StepEnvironment): Promise<CommandLine> => {
  const rendered: string[] = [];
  for (const text of argv) rendered.push(await environment.render(text));
  const [file = '', ...args] = rendered;
  if (file === '') throw new DomainError('invalid_argument', 'there is no program to execute');
  return { file, args, env: await environment.variablesFor([]) };
};

const compile = (interpreter: Interpreter, text: string): ShellProgram => {
  if (interpreter.isPosixShell) {
    return text.includes('${') ? compileShellText(text) : { program: text, variables: [] };
  }
  if (parseReferences(text).length > 0) {
    throw new DomainError('invalid_argument', `a program for ${interpreter.file} may not hold references`, {
      problems: [{ message: 'pass the values through env' }],
    });
  }
  return { program: text, variables: [] };
};

const takesProgram = (arg: string): boolean => /^-[A-Za-z]*c$/.test(arg);

const writeProgram = async (privateDir: string, name: string, program: string): Promise<string> => {
  const path = join(privateDir, name);
  await writeFile(path, program, { mode: 0o700 });
  return path;
};
