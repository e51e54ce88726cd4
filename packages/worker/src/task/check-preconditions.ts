// Preconditions are evaluated at the start of each attempt, in order; the first that does not hold skips the step.
// A command runs through the executor of shell steps, so that it meets the same environment, limits and clean-up.
import { DomainError, fromErrorData, type Precondition, renderTemplate, type TaskOffer } from '@skein/domain';
import type { ExecutionContext, ExecutionResult, StepExecutor, TextPatterns } from '@skein/ports';
import { matchesExpected } from './match-text.ts';

/** True if every precondition holds. Throws the typed error of a precondition that cannot be evaluated. */
export const preconditionsHold = async (
  patterns: TextPatterns,
  shell: StepExecutor | undefined,
  context: ExecutionContext,
  signal: AbortSignal,
): Promise<boolean> => {
  for (const precondition of context.offer.definition.preconditions) {
    if ((await holds(patterns, shell, context, precondition, signal)) === precondition.negate) return false;
  }
  return true;
};

const holds = async (
  patterns: TextPatterns,
  shell: StepExecutor | undefined,
  context: ExecutionContext,
  { condition, expected }: Precondition,
  signal: AbortSignal,
): Promise<boolean> => {
  const { refs } = context.inputs;
  if (expected === undefined) {
    const { outcome } = await runCommand(shell, context, condition, signal);
    return outcome.status === 'succeeded';
  }
  const wanted = renderTemplate(expected, (expression) => refs[expression] ?? null);
  return matchesExpected(patterns, await textOf(shell, context, condition, signal), wanted);
};

/** A condition that the shell would expand (`$NAME`, `$(…)`, backticks, `${env.X}`) is expanded by the shell, like a here-document. */
const textOf = async (
  shell: StepExecutor | undefined,
  context: ExecutionContext,
  condition: string,
  signal: AbortSignal,
): Promise<string> => {
  const { refs } = context.inputs;
  const isKnown = (expression: string): boolean => Object.hasOwn(refs, expression);
  let allKnown = true;
  const literal = renderTemplate(condition, (expression) => {
    allKnown &&= isKnown(expression);
    return '';
  });
  if (allKnown && !/[$`]/.test(literal)) return renderTemplate(condition, (expression) => refs[expression] ?? null);
  const delimiter = unusedDelimiter(condition);
  const program = `cat <<${delimiter}\n${condition}\n${delimiter}`;
  const result = await runCommand(shell, context, program, signal);
  if (result.outcome.status === 'succeeded') return result.stdout ?? '';
  throw new DomainError('unprocessable', 'a precondition could not be evaluated', { condition });
};

const unusedDelimiter = (text: string): string => {
  let delimiter = 'SKEIN_END';
  while (text.includes(delimiter)) delimiter += '_';
  return delimiter;
};

const runCommand = async (
  shell: StepExecutor | undefined,
  context: ExecutionContext,
  command: string,
  signal: AbortSignal,
): Promise<ExecutionResult> => {
  if (shell === undefined) throw new DomainError('unimplemented', 'this worker runs no shell commands');
  const result = await shell.execute({ ...context, offer: commandOffer(context.offer, command) }, signal);
  signal.throwIfAborted();
  // A command that could not be run at all is no answer to the question it was to decide.
  const { outcome } = result;
  if (outcome.status === 'failed' && (result.exitCode === undefined || result.exitCode >= 126)) {
    throw fromErrorData(outcome.error);
  }
  return result;
};

const commandOffer = (offer: TaskOffer, command: string): TaskOffer => {
  const { output: _output, shell, ...definition } = offer.definition;
  const keepsShell = definition.action.kind === 'shell' && shell !== undefined;
  return {
    ...offer,
    definition: {
      ...definition,
      ...(keepsShell ? { shell } : {}),
      action: { kind: 'shell', commands: [command] },
      outputs: [],
      preconditions: [],
    },
  };
};
