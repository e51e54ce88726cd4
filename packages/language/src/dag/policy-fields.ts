import type { ContinueOn, Precondition, RetryPolicy } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { list, oneOrMore } from '../shape/collections.ts';
import { isPattern } from '../shape/is-pattern.ts';
import { record } from '../shape/record.ts';
import { flag, integer, number, seconds, text, word } from '../shape/scalars.ts';
import { byKind, mapped, type Shape, wrongValue } from '../shape/shape.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';

const exitCode = integer({ min: 0, max: 255 });
const exitCodes = oneOrMore(exitCode, 'an exit code or a list of them');
const patterns = oneOrMore(text(), 'text, re: with a pattern, or a list of these');

const neverContinue: ContinueOn = { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false };

/** A step that stops its run when it fails. */
export const defaultContinueOn = neverContinue;

const continueMap = mapped(
  record({
    noun: 'continue_on',
    fields: {
      failure: { shape: flag, about: 'Go on when the step failed.', aliases: ['failed'] },
      skipped: { shape: flag, about: 'Go on when a precondition skipped the step.' },
      exit_code: { shape: exitCodes, about: 'Go on after these exit codes.' },
      output: { shape: patterns, about: 'Go on when the output holds this text, or matches after re:.' },
      mark_success: { shape: flag, about: 'Count the step as succeeded.' },
    },
  }),
  ({ values, nodes }, _node, source): ContinueOn => {
    reportBadPatterns(values.output ?? [], nodes.output, source);
    return {
      failure: values.failure ?? false,
      skipped: values.skipped ?? false,
      exitCodes: values.exit_code ?? [],
      output: values.output ?? [],
      markSuccess: values.mark_success ?? false,
    };
  },
);

const continueWord = mapped(
  word(['failed', 'failure', 'skipped']),
  (value): ContinueOn => ({
    ...neverContinue,
    ...(value === 'skipped' ? { skipped: true } : { failure: true }),
  }),
);

/** What lets the run go on without this step. */
export const continueOnShape: Shape<ContinueOn> = byKind(
  'failed, skipped, or a map with failure, skipped, exit_code, output, mark_success',
  {
    scalar: continueWord,
    map: continueMap,
  },
);

const reportBadPatterns = (texts: readonly string[], node: YamlNode | undefined, source: SourceText): void => {
  texts.forEach((value, index) => {
    if (!value.startsWith('re:') || isPattern(value.slice(3)) || node === undefined) return;
    const at = node.kind === 'list' ? (node.items[index] ?? node) : node;
    source.report(at, {
      message: `${JSON.stringify(value.slice(3))} is not a regular expression`,
      expected: 're: and a pattern',
    });
  });
};

const factor = number({ min: 1, max: 100 });

/** `true` doubles the interval, a number is the factor. */
const backoff: Shape<number> = {
  expected: 'true, false or a factor from 1 to 100',
  schema: { anyOf: [{ type: 'boolean' }, factor.schema] },
  read: (node, source) => {
    if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value ? 2 : 1;
    const inRange = node.kind === 'scalar' && typeof node.value === 'number' && node.value >= 1 && node.value <= 100;
    return inRange ? factor.read(node, source) : wrongValue(node, source, 'true, false or a factor from 1 to 100');
  },
};

/** Retries after a failure. */
export const retryPolicyShape: Shape<RetryPolicy> = mapped(
  record({
    noun: 'retry_policy',
    fields: {
      limit: { shape: integer({ min: 0, max: 10_000 }), about: 'Retries after the first attempt.', required: true },
      interval_sec: { shape: seconds(), about: 'Seconds before the next attempt; 1 when absent.' },
      backoff: { shape: backoff, about: 'Factor per retry; true is 2.' },
      max_interval_sec: { shape: seconds(), about: 'The interval grows no further than this.' },
      exit_code: { shape: exitCodes, about: 'Only these exit codes are tried again.' },
    },
  }),
  ({ values }): RetryPolicy | undefined => {
    if (values.limit === undefined) return undefined;
    return {
      limit: values.limit,
      intervalMs: values.interval_sec ?? 1_000,
      backoff: values.backoff ?? 1,
      ...(values.max_interval_sec === undefined ? {} : { maxIntervalMs: values.max_interval_sec }),
      exitCodes: values.exit_code ?? [],
    };
  },
);

const conditionMap = mapped(
  record({
    noun: 'a precondition',
    fields: {
      condition: {
        shape: text('a command, or a text to compare'),
        about: 'A command, or with expected a text to compare.',
        required: true,
      },
      expected: { shape: text(), about: 'The text that condition must equal, or match after re:.' },
      negate: { shape: flag, about: 'Turn the answer round.' },
    },
  }),
  ({ values, nodes, node }, _node, source): Precondition | undefined => {
    if (values.condition === undefined) return undefined;
    const negate = values.negate ?? false;
    if (values.expected === undefined) return { condition: values.condition, negate };
    reportBadPatterns([values.expected], nodes.expected ?? node, source);
    return { condition: values.condition, expected: values.expected, negate };
  },
);

const conditionText = mapped(text('a command'), (condition): Precondition => ({ condition, negate: false }));

/** Conditions before an attempt; each must hold. */
export const preconditionsShape: Shape<readonly Precondition[]> = byKind<readonly Precondition[]>(
  'a command, a map with condition and expected, or a list of these',
  {
    scalar: mapped(conditionText, (condition) => [condition]),
    map: mapped(conditionMap, (condition) => [condition]),
    list: list(byKind('a command, or a map with condition and expected', { scalar: conditionText, map: conditionMap })),
  },
);
