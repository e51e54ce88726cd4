import { type DomainError, isDomainError, type Problem } from '@skein/domain';
import { renderProblem } from '@skein/language';
import { safeText } from '../render/format.ts';
import type { Cli } from './cli.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';

/** Tells a person what went wrong, with every problem on a line of its own, and never with a stack trace. Sets the exit code. */
export const reportError = (cli: Cli, error: unknown): void => {
  if (!isDomainError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    cli.note(`${cli.colors.red('error')} ${safeText(message)} ${cli.colors.dim('(internal)')}`);
    cli.exitCode = exitCodes.failed;
    return;
  }
  cli.note(`${cli.colors.red('error')} ${safeText(error.message)} ${cli.colors.dim(`(${error.code})`)}`);
  for (const problem of problemsOf(error)) cli.note(`  ${safeText(renderProblem(problem))}`);
  cli.exitCode = exitCodeOf(error.code);
};

/** Every problem of a bad input that an error lists. */
export const problemsOf = (error: DomainError): readonly Problem[] =>
  (error.details as { readonly problems?: readonly Problem[] } | undefined)?.problems ?? [];
