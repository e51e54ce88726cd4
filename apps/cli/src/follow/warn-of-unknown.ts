import type { SkeinClient } from '@skein/sdk';
import type { Cli } from '../cli/cli.ts';
import { allSteps } from './step-changes.ts';

/**
 * A note when steps of the run `from` that are to run again made tool calls of which nobody knows whether they happened: the new run decides
 * its calls anew, under other keys. What cannot be looked up is passed over.
 */
export const warnOfUnknown = async (cli: Cli, client: SkeinClient, from: string): Promise<void> => {
  const found = await Promise.all([client.runs.effects(from), client.runs.get(from)]).catch(() => undefined);
  if (found === undefined) return;
  const [effects, run] = found;
  const kept = new Set(allSteps(run).flatMap(({ id, status }) => (status === 'succeeded' ? [id] : [])));
  const { length } = effects.filter(
    ({ status, step }) => status === 'unknown' && !kept.has(step.replace(/\[\d+\]$/, '')),
  );
  if (length === 0) return;
  const calls = length === 1 ? '1 tool call has' : `${length} tool calls have`;
  cli.note(
    `${cli.colors.yellow('warning')} ${calls} an unknown outcome and may be made again, under another key: skein effects ${from}`,
  );
};
