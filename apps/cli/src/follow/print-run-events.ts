import type { JsonObject } from '@skein/domain';
import type { SkeinClient, WatchedEvent } from '@skein/sdk';
import { answerLine, type Cli } from '../cli/cli.ts';
import { formatInstant } from '../render/format.ts';
import { cell, renderTable } from '../render/render-table.ts';

/** Which events of a run are printed, and how. */
export interface RunEventsOptions {
  readonly after?: number;
  readonly limit?: number;
  readonly last?: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** A run that goes on tells no more for now when it was quiet for so long, in ms. */
const quietMs = 500;

/** Prints what happened to a run, and who did it; with `follow` until it has ended. With `json` one object per line. */
export const printRunEvents = async (
  cli: Cli,
  client: SkeinClient,
  runId: string,
  options: RunEventsOptions,
): Promise<void> => {
  if (options.follow === true && options.last === undefined) {
    for await (const event of eventsOf(cli, client, runId, options)) {
      if (options.json === true) answerLine(cli, event);
      else cli.out(cellsOf(event).join('  ').trimEnd());
    }
    return;
  }
  const found: WatchedEvent[] = [];
  let isMore = false;
  for await (const event of eventsOf(cli, client, runId, { ...options, follow: false })) {
    isMore = options.limit !== undefined && found.length === options.limit;
    if (isMore) break;
    found.push(event);
    if (options.last !== undefined && found.length > options.last) found.shift();
  }
  if (options.json === true) for (const event of found) answerLine(cli, event);
  else {
    const head = ['#', 'at (UTC)', 'event', 'step', 'what'];
    cli.out(renderTable(cli.colors, head, found.map(cellsOf), 'no events'));
    if (isMore) cli.out(cli.colors.dim(`more: --after ${found.at(-1)?.seq}`));
  }
  if (options.follow === true) {
    await printRunEvents(cli, client, runId, {
      after: found.at(-1)?.seq ?? 0,
      follow: true,
      json: options.json === true,
    });
  }
};

/** The events so far; with `follow` also those to come. Ctrl-C ends them. */
async function* eventsOf(
  cli: Cli,
  client: SkeinClient,
  runId: string,
  { after = 0, follow = false }: RunEventsOptions,
): AsyncGenerator<WatchedEvent> {
  const quiet = new AbortController();
  const signal = AbortSignal.any([cli.signal, quiet.signal]);
  const begin = () => (follow ? undefined : setTimeout(() => quiet.abort(), quietMs));
  // An unknown run is an error, also when nobody waits for its events.
  await client.runs.get(runId);
  let timer = begin();
  try {
    for await (const event of client.runs.watch(runId, { after, signal })) {
      clearTimeout(timer);
      yield event;
      timer = begin();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
}

const cellsOf = ({ seq, at, type, data }: WatchedEvent): readonly string[] => [
  String(seq),
  formatInstant(at),
  cell(type),
  textOf(data, 'step'),
  whatOf(data),
];

/** Who did it, what they decided and why; of a result how it ended. */
const whatOf = (data: JsonObject): string => {
  const named = ['decision', 'to', 'round', 'attempt', 'by', 'workerId', 'source', 'reason', 'message', 'feedback'];
  const parts = named.flatMap((name) => {
    const text = textOf(data, name);
    return text === '' ? [] : [`${name} ${text}`];
  });
  const result = objectOf(data['result']) ?? data;
  const outcome = objectOf(result['outcome']);
  const error = objectOf(outcome?.['error']) ?? objectOf(data['error']);
  return [
    ...(outcome === undefined ? [] : [textOf(outcome, 'status')]),
    ...(typeof data['status'] === 'string' ? [cell(data['status'])] : []),
    ...parts,
    ...(error === undefined ? [] : [`error ${textOf(error, 'message')}`]),
  ].join(', ');
};

const objectOf = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

const textOf = (data: JsonObject, name: string): string => {
  const value = data[name];
  return typeof value === 'string' || typeof value === 'number' ? cell(String(value)) : '';
};
