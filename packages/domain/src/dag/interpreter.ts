import type { Step } from './step.ts';

const posixShells = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'mksh', 'zsh']);

/** The name of the program that reads a step's commands or script: its `#!` line, else its shell; undefined for the worker's default shell. */
export const interpreterOf = (step: Step): string | undefined => {
  if (step.action.kind === 'script' && step.action.script.startsWith('#!')) {
    const line = step.action.script.slice(2).split('\n', 1)[0] ?? '';
    return programOf(line.trim().split(/[ \t]+/));
  }
  return step.shell === undefined ? undefined : programOf(step.shell);
};

/** True when the step's shell text follows the POSIX grammar, so that references in it can be passed as data. */
export const isPosixShell = (interpreter: string | undefined): boolean =>
  interpreter === undefined || posixShells.has(interpreter);

/** `/usr/bin/env -S bash -e` is bash, `busybox sh` is sh. */
const programOf = (argv: readonly string[]): string => {
  const words = argv.filter((word) => word !== '');
  const name = baseName(words[0]);
  if (name !== 'env' && name !== 'busybox') return name;
  return baseName(words.slice(1).find((word) => !word.startsWith('-') && !word.includes('=')));
};

const baseName = (path: string | undefined): string => path?.slice(path.lastIndexOf('/') + 1) ?? '';
