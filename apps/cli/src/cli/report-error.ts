import { type DomainError, type ErrorCode, isDomainError, type Problem } from '@skein/domain';
import { renderProblem } from '@skein/language/problems';
import { formatDuration, safeText } from '../render/format.ts';
import { type Cli, safeJson } from './cli.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';

/**
 * Tells a person what went wrong, with every problem on a line of its own, and never with a stack trace; with `--json` as one object
 * `{ code, message, details? }` on one line of stderr. Sets the exit code.
 */
export const reportError = (cli: Cli, error: unknown): void => {
  if (!isDomainError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    tell(cli, 'internal', message);
    cli.exitCode = exitCodes.failed;
    return;
  }
  tell(cli, error.code, error.message, error.details);
  cli.exitCode = exitCodeOf(error.code);
};

/** An error beside the answer: one object with `--json`, else one line and what else is worth knowing. */
export const tell = (cli: Cli, code: ErrorCode, message: string, details?: DomainError['details']): void => {
  if (cli.json) {
    cli.note(safeJson({ code, message, ...(details === undefined ? {} : { details }) }));
    return;
  }
  cli.note(`${cli.colors.red('error')} ${safeText(message)} ${cli.colors.dim(`(${code})`)}`);
  for (const line of [...problemLines(message, details), ...moreLines(code, details)]) cli.note(`  ${safeText(line)}`);
};

/** Every problem of a bad input that an error lists. */
export const problemsOf = (error: DomainError): readonly Problem[] => problemsIn(error.details);

const problemsIn = (details: DomainError['details']): readonly Problem[] =>
  (details as { readonly problems?: readonly Problem[] } | undefined)?.problems ?? [];

/** The problems, unless the error itself tells them all; of one that it tells only what it adds. */
const problemLines = (message: string, details: DomainError['details']): readonly string[] => {
  const problems = problemsIn(details);
  const [only] = problems;
  const isPlain = ({ file, expected, suggestion }: Problem): boolean =>
    [file, expected, suggestion].every((part) => part === undefined);
  if (problems.length > 1 && problems.every((problem) => isPlain(problem) && message.includes(problem.message)))
    return [];
  const isTold =
    only !== undefined && problems.length === 1 && only.file === undefined && message.endsWith(only.message);
  if (!isTold) return problems.map(renderProblem);
  const added = renderProblem({ ...only, message: '' }).trim();
  return added === '' ? [] : [added];
};

/** What a person needs of the details: how full a mailbox is, which run there is already, when to try again. */
const moreLines = (code: ErrorCode, details: DomainError['details']): readonly string[] => {
  const known = (details ?? {}) as { readonly [name: string]: unknown };
  const { depth, oldestAgeMs, retryAfterMs, runId } = known;
  const lines: string[] = [];
  if (code === 'mailbox_full' && typeof depth === 'number') {
    const age = typeof oldestAgeMs === 'number' ? `, the oldest for ${formatDuration(oldestAgeMs)}` : '';
    lines.push(`${depth} unread${age}`);
  }
  if (code === 'already_exists' && typeof runId === 'string') lines.push(`it started ${runId}`);
  if (typeof retryAfterMs === 'number') lines.push(`try again in ${formatDuration(retryAfterMs)}`);
  return lines;
};
