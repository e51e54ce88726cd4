import { DomainError, type MessageMode, messageModes } from '@skein/domain';
import type { MessageInfo, SkeinClient } from '@skein/sdk';
import { Option } from 'commander';
import { answer, type Cli } from '../cli/cli.ts';
import { type AddCommand, type AnswerOptions, remoteCommand, runText, stepText } from '../cli/command.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { connect } from '../cli/find-endpoint.ts';
import { parseDuration } from '../cli/parse-duration.ts';
import { resolveRun } from '../cli/resolve-run.ts';
import { withStepSuggestion } from '../cli/with-suggestion.ts';
import { patiently } from '../follow/patiently.ts';
import { formatInstant, safeText } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

interface SendOptions extends AnswerOptions {
  readonly mode?: MessageMode;
  readonly wait?: boolean;
  readonly reply?: boolean;
  readonly ttl?: number;
  readonly requireAck?: boolean;
  readonly id?: string;
}

/** `skein send RUN STEP TEXT`. */
export const addSendCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('send', 'send a message to the agent of a step, or to a step that waits for one')
      .argument('<run>', runText)
      .argument('<step>', stepText)
      .argument('<text>', 'the message, at most 16 KiB')
      .addOption(new Option('--mode <mode>', 'when it is read; default next_turn').choices(messageModes))
      .option('--wait', 'wait until the agent has read it')
      .option('--reply', 'ask for a reply, and wait for it')
      .addOption(new Option('--ttl <time>', 'read within this time (90s, 10m, 2h) or never').argParser(parseDuration))
      .option('--require-ack', 'the step does not end well without having read it')
      .option('--id <id>', 'sending it again with this id sends nothing new')
      .action(async (run: string, step: string, text: string, options: SendOptions) => {
        if (text.trim() === '') throw new DomainError('invalid_argument', 'a message has a text');
        const client = await connect(cli, options);
        const runId = await resolveRun(client, run);
        const { message } = await withStepSuggestion(client, runId, step, () =>
          client.messages.send(runId, step, {
            text,
            ...(options.mode === undefined ? {} : { mode: options.mode }),
            ...(options.id === undefined ? {} : { messageId: options.id }),
            ...(options.ttl === undefined ? {} : { ttlMs: options.ttl }),
            ...(options.requireAck === true ? { requireAck: true } : {}),
            ...(options.reply === true ? { wantsReply: true } : {}),
          }),
        );
        const last =
          options.wait === true || options.reply === true ? await untilRead(cli, client, message, options) : message;
        answer(cli, options.json, last, () => lineOf(last));
        if (isAsWished(last, options)) return;
        cli.exitCode = exitCodes.failed;
        if (options.reply === true && options.json !== true && !cli.signal.aborted) cli.note(noReply(last));
      }),
  );
};

/** The message when it was read, or replied to when a reply was asked for, or has ended; or as it is when Ctrl-C was pressed. */
const untilRead = async (
  cli: Cli,
  client: SkeinClient,
  sent: MessageInfo,
  options: SendOptions,
): Promise<MessageInfo> => {
  const until = options.reply === true ? 'reply' : 'consumed';
  const ask = () => client.messages.get(sent.runId, sent.step, sent.messageId, { waitMs, until, signal: cli.signal });
  for (let message = sent; ; ) {
    if (cli.signal.aborted) return message;
    if (isUnread(message) || message.state === 'replied') return message;
    if (message.state === 'consumed' && (until === 'consumed' || (await isStepOver(client, message)))) {
      return client.messages.get(sent.runId, sent.step, sent.messageId);
    }
    try {
      message = await patiently(ask, cli.signal);
    } catch (error) {
      if (!cli.signal.aborted) throw error;
    }
  }
};

/** Longest wait of one call; then it is looked whether a reply can still come. */
const waitMs = 5_000;

/** True when no reply can come any more: the step that read the message has ended. */
const isStepOver = async (client: SkeinClient, { runId, step }: MessageInfo): Promise<boolean> => {
  const { status } = (await client.runs.step(runId, step)).step;
  return status === 'succeeded' || status === 'failed' || status === 'skipped' || status === 'cancelled';
};

/** Whether what was asked for has come: a reply, that it was read, or that it was stored. */
const isAsWished = (message: MessageInfo, { wait, reply }: SendOptions): boolean => {
  if (reply === true) return message.state === 'replied';
  if (wait === true) return message.state === 'consumed' || message.state === 'replied';
  return !isUnread(message);
};

/** Why no reply came: the message was not read, or its step ended without one. */
const noReply = (message: MessageInfo): string =>
  isUnread(message) ? 'no reply: the message was not read' : `no reply: step ${cell(message.step)} ended without one`;

const isUnread = ({ state }: MessageInfo): boolean =>
  state === 'expired' || state === 'rejected' || state === 'dead_lettered';

const lineOf = (message: MessageInfo): string => {
  const where = message.turn === undefined ? '' : ` in turn ${message.turn}`;
  const why = message.reason === undefined ? '' : ` (${cell(message.reason)})`;
  const line = `${message.messageId} ${message.state}${where}${why}`;
  return message.reply === undefined ? line : `${line}\n${safeText(message.reply.text)}`;
};

/** `skein messages RUN STEP`. */
export const addMessagesCommand: AddCommand = (program, cli) => {
  program.addCommand(
    remoteCommand('messages', 'list the messages of a step, and what became of them')
      .argument('<run>', runText)
      .argument('<step>', stepText)
      .action(async (run: string, step: string, options: AnswerOptions) => {
        const client = await connect(cli, options);
        const runId = await resolveRun(client, run);
        const items = await withStepSuggestion(client, runId, step, () => allMessages(client, runId, step));
        answer(cli, options.json, { items }, () =>
          renderTable(
            cli.colors,
            ['#', 'message', 'state', 'turn', 'mode', 'sender', 'sent (UTC)', 'text', 'reply'],
            items.map((message) => [
              String(message.number),
              message.messageId,
              message.reason === undefined ? message.state : `${message.state} (${cell(message.reason)})`,
              message.turn === undefined ? '' : String(message.turn),
              message.mode,
              cell(message.sender),
              formatInstant(message.sentAt),
              shorten(message.text),
              shorten(message.reply?.text),
            ]),
            'no messages',
          ),
        );
      }),
  );
};

const allMessages = async (client: SkeinClient, runId: string, step: string): Promise<readonly MessageInfo[]> => {
  const items: MessageInfo[] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await client.messages.list(runId, step, { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
};

const shorten = (text: string | undefined): string => {
  const line = cell(text);
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
};
