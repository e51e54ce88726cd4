import { basename } from 'node:path';

/** A program that runs text, with its own flags. */
export interface Interpreter {
  readonly file: string;
  readonly args: readonly string[];
  /** Reads the POSIX shell language, so that references can be compiled into it. */
  readonly isPosixShell: boolean;
}

const posixShells = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'mksh', 'zsh', 'busybox']);

/** The interpreter of a step's `shell` field; `/bin/sh` when there is none. */
export const interpreterOf = (shell: readonly string[] | undefined): Interpreter => {
  const [file = '/bin/sh', ...args] = shell ?? [];
  return { file, args, isPosixShell: isPosixShell([file, ...args]) };
};

/**
 * The interpreter that a script's `#!` line names, as the kernel reads it: a path and at most one argument.
 * Undefined when the script has no such line.
 * @source https://man7.org/linux/man-pages/man2/execve.2.html (interpreter scripts)
 */
export const interpreterOfScript = (script: string): Interpreter | undefined => {
  const line = /^#![ \t]*([^\s]+)(?:[ \t]+([^\n\r]*?))?[ \t]*\r?(?:\n|$)/.exec(script);
  const file = line?.[1];
  if (file === undefined) return undefined;
  const argument = line?.[2];
  const args = argument === undefined || argument === '' ? [] : [argument];
  return { file, args, isPosixShell: isPosixShell([file, ...args.flatMap((text) => text.split(/\s+/))]) };
};

const isPosixShell = ([file = '', ...args]: readonly string[]): boolean => {
  const name = basename(file);
  if (name !== 'env') return posixShells.has(name);
  const program = args.find((arg) => !arg.startsWith('-') && !arg.includes('='));
  return program !== undefined && posixShells.has(basename(program));
};
