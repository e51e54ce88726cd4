import type { History, Report } from './history.ts';
import { judge } from './history.ts';
import type { SideEffect } from './side-effects.ts';
import type { Transcript } from './transcripts.ts';
import { transcriptsOf } from './transcripts.ts';

/** What an earlier attempt had recorded of this. */
const isRecorded = ({ entries }: Transcript, { kind, turn, index, token }: SideEffect): boolean =>
  entries.some(
    ({ token: by, entry }) =>
      by < token &&
      ((kind === 'model' && entry.type === 'turn' && entry.thread === '' && entry.turn === turn) ||
        (kind === 'tool' &&
          entry.type === 'tool' &&
          entry.thread === '' &&
          entry.turn === turn &&
          entry.index === index)),
  );

/**
 * Side effects happen once: one per operation key and conversation, as far as the holder of the lease did them; a call whose result is
 * recorded is never carried out again, and a turn that is recorded is never paid again. Throws, or tells `report`.
 */
export const assertNoDuplicateEffects = (history: History, report?: Report): void =>
  judge('duplicate effects', report, (say) => {
    const logs = new Map(history.runs.map((run) => [run.runId, transcriptsOf(run)]));
    const done = new Map<Transcript | undefined, Set<string>>();
    for (const effect of history.effects) {
      const { runId, step, token, key, kind, isEffect, fenced } = effect;
      const transcript = logs.get(runId)?.byToken.get(`${step} ${token}`);
      if (transcript !== undefined && isRecorded(transcript, effect))
        say(`${key}: ${kind === 'model' ? 'asked' : 'executed'} again under token ${token} although it is recorded`);
      if (!isEffect || fenced === true) continue;
      const keys = done.get(transcript) ?? new Set();
      done.set(transcript, keys);
      if (keys.has(key)) say(`${key}: committed twice`);
      keys.add(key);
    }
  });
