import type { StepInfo } from '@skein/sdk';
import type { Colors } from '../cli/cli.ts';
import { formatDuration, formatInstant, safeText } from './format.ts';
import { renderSteps } from './render-run.ts';
import { cell, renderTable } from './render-table.ts';

type Detail = StepInfo['detail'];
type Turn = Detail['turns'][number];
type ToolCall = Turn['calls'][number];

/** A step with its attempts, turns and tool calls, and the texts where they are there. */
export const renderStep = (colors: Colors, { step, detail }: StepInfo, now: number): string => {
  const { totals } = detail;
  const answered = answerText(step);
  // What waits in the coordinator has no attempts of a worker, and uses nothing.
  const isWaiting = answered !== undefined || step.wait !== undefined;
  const used = [
    countText(totals.turns, 'turn'),
    countText(totals.toolCalls, 'tool call'),
    `${totals.inputTokens} + ${totals.outputTokens} tokens`,
    ...(totals.costUsd === undefined ? [] : [costText(totals.costUsd)]),
  ];
  return [
    `${colors.dim('run '.padEnd(9))} ${detail.runId}`,
    ...(answered === undefined ? [] : [`${colors.dim('answer'.padEnd(9))} ${answered}`]),
    ...(isWaiting ? [] : [`${colors.dim('used'.padEnd(9))} ${used.join(', ')}`]),
    '',
    renderSteps(colors, [step], now),
    ...(isWaiting && detail.attempts.length === 0 ? [] : ['', renderAttempts(colors, detail)]),
    ...(detail.turns.length === 0 ? [] : ['', ...renderTurns(colors, detail.turns)]),
  ].join('\n');
};

/** How a wait or an approval ended: `approved by ada at …: looks fine`. */
const answerText = ({ answer }: StepInfo['step']): string | undefined => {
  if (answer === undefined) return undefined;
  const { decision, by, reason, at } = answer;
  const who = decision === 'time' || decision === 'timed_out' ? '' : ` by ${cell(by)}`;
  return `${cell(decision)}${who} at ${formatInstant(at)}${reason === undefined ? '' : `: ${cell(reason)}`}`;
};

const renderAttempts = (colors: Colors, { attempts }: Detail): string =>
  renderTable(
    colors,
    ['attempt', 'round', 'outcome', 'from turn', 'worker', 'began (UTC)', 'ended (UTC)'],
    attempts.map((attempt) => [
      String(attempt.attempt),
      String(attempt.round),
      cell(attempt.outcome),
      String(attempt.resumedAtTurn ?? 0),
      cell(attempt.workerId),
      formatInstant(attempt.leasedAt),
      formatInstant(attempt.endedAt),
    ]),
    'no attempts yet',
  );

const renderTurns = (colors: Colors, turns: readonly Turn[]): readonly string[] =>
  turns.some(({ said, text }) => said !== undefined || text !== undefined)
    ? turns.map((turn) => renderTranscript(colors, turn))
    : [
        renderTable(
          colors,
          ['turn', 'attempt', 'at (UTC)', 'model', 'tokens', 'cost', 'calls', ''],
          turns.map((turn) => [
            placeOf(turn),
            String(turn.attempt),
            formatInstant(turn.at),
            cell(turn.model),
            `${turn.inputTokens} + ${turn.outputTokens}`,
            turn.costUsd === undefined ? '' : costText(turn.costUsd),
            cell(turn.calls.map(callText).join(', ')),
            notesOf(turn),
          ]),
        ),
      ];

/** One turn in full: what was said to the model, its answer, and its calls with what came of them. */
const renderTranscript = (colors: Colors, turn: Turn): string => {
  const notes = notesOf(turn);
  return [
    colors.dim(`── turn ${placeOf(turn)}, attempt ${turn.attempt}${notes === '' ? '' : `, ${notes}`}`),
    ...(turn.said ?? []).map((message) => `${colors.cyan('said')} ${saidText(message)}`),
    ...(turn.text === undefined || turn.text === '' ? [] : [`${colors.green('answer')} ${safeText(turn.text)}`]),
    ...turn.calls.flatMap((call) => [
      `${colors.yellow('call')} ${cell(callText(call))} ${jsonText(call.input)}`,
      ...(call.output === undefined ? [] : [`  -> ${jsonText(call.output)}`]),
    ]),
  ].join('\n');
};

const placeOf = ({ thread, turn, round }: Turn): string =>
  `${thread === '' ? '' : `${thread}/`}${turn}${round === 0 ? '' : ` (round ${round})`}`;

const notesOf = ({ dropped, messages, finishReason }: Turn): string =>
  [
    dropped === true ? 'dropped' : '',
    messages.length === 0 ? '' : `read ${messages.map(cell).join(', ')}`,
    finishReason === 'length' || finishReason === 'content_filter' ? finishReason : '',
  ]
    .filter((note) => note !== '')
    .join(', ');

const callText = ({ tool, status, isError, settled, durationMs }: ToolCall): string => {
  const notes = [
    status === 'done' ? '' : status,
    isError === true ? 'error' : '',
    settled ?? '',
    durationMs === undefined ? '' : formatDuration(durationMs),
  ].filter((note) => note !== '');
  return notes.length === 0 ? tool : `${tool} (${notes.join(', ')})`;
};

/** The text of a message to the model, or all of it as JSON. */
const saidText = (message: unknown): string => {
  const text = (message as { readonly text?: unknown } | null)?.text;
  return typeof text === 'string' ? safeText(text) : jsonText(message);
};

const jsonText = (value: unknown): string =>
  value === undefined ? '' : safeText(typeof value === 'string' ? value : JSON.stringify(value));

const countText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const costText = (usd: number): string => `$${usd.toFixed(4)}`;
