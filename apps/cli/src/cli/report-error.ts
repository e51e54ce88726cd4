import { isDomainError, type Problem } from '@skein/domain';
import { renderProblem } from '@skein/language';
import type { Cli } from './cli.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';

/** Tells a person what went wrong, with every problem on a line of its own, and never with a stack trace. Sets the exit code. */
export const reportError = (cli: Cli, error: unknown): void => {
  if (!isDomainError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    cli.note(`${cli.colors.red('error')} ${message}`);
    cli.exitCode = exitCodes.failed;
    return;
  }
  const problems = (error.details as { readonly problems?: readonly Problem[] } | undefined)?.problems ?? [];
  cli.note(`${cli.colors.red('error')} ${error.message} ${cli.colors.dim(`(${error.code})`)}`);
  for (const problem of problems) cli.note(`  ${renderProblem(problem)}`);
  cli.exitCode = exitCodeOf(error.code);
};
