import type { CheckpointEntry, RunFact } from '@skein/domain';
import type { RunHistory } from './history.ts';

/** One durable point, and the lease under which it was written. */
export interface TranscriptEntry {
  readonly token: number;
  readonly entry: CheckpointEntry;
}

/** One conversation of a step execution: from turn 0 until it was answered, dropped, or begun anew. */
export interface Transcript {
  readonly runId: string;
  readonly step: string;
  readonly round: number;
  readonly entries: TranscriptEntry[];
}

/** The conversations of one run, and to which of them the attempts belong. */
export interface Transcripts {
  readonly all: readonly Transcript[];
  /** The last one of each step path, now. */
  readonly byToken: ReadonlyMap<string, Transcript>;
}

/** True for the step, and for its items. */
export const isOf = (path: string, step: string): boolean => path === step || path.startsWith(`${step}[`);

/** True when the attempt after this one goes on with the conversation: what was away may be there again. After any other failure it begins anew. */
export const goesOn = ({
  result: { outcome },
  retryAt,
}: Extract<RunFact, { readonly type: 'step_finished' }>): boolean =>
  retryAt !== undefined && outcome.status === 'failed' && outcome.error.code === 'unavailable';

/** Reads the conversations out of a log. A restart, another attempt after a failure, and another round begin a new one. */
export const transcriptsOf = ({ runId, facts }: RunHistory): Transcripts => {
  const all: Transcript[] = [];
  const byToken = new Map<string, Transcript>();
  const current = new Map<string, Transcript>();
  const rounds = new Map<string, number>();
  const begin = (step: string): Transcript => {
    const round = [...rounds].find(([id]) => isOf(step, id))?.[1] ?? 0;
    const transcript: Transcript = { runId, step, round, entries: [] };
    all.push(transcript);
    current.set(step, transcript);
    return transcript;
  };
  const apply = (fact: RunFact, seq: number): void => {
    switch (fact.type) {
      case 'step_leased':
        byToken.set(`${fact.step} ${seq}`, current.get(fact.step) ?? begin(fact.step));
        return;
      case 'agent_restarted':
        byToken.set(`${fact.step} ${fact.token}`, begin(fact.step));
        return;
      case 'turn_planned':
      case 'tool_done':
      case 'message_replied':
        (current.get(fact.step) ?? begin(fact.step)).entries.push({ token: fact.token, entry: fact.entry });
        return;
      case 'step_finished':
        if (!goesOn(fact)) current.delete(fact.step);
        return;
      case 'step_pushed_back':
        for (const step of fact.steps) {
          rounds.set(step, (rounds.get(step) ?? 0) + 1);
          for (const path of current.keys()) if (isOf(path, step)) current.delete(path);
        }
        return;
      default:
        return;
    }
  };
  facts.forEach((fact, index) => apply(fact, index + 1));
  return { all, byToken };
};
