import type { CheckpointEntry, Digest, ResumePoint, RunFact, RunId, StepPath, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Facts that are read at once. */
const pageFacts = 500;

/** What an attempt goes on from, as its offer names it. */
export interface StoredResume {
  readonly digest: Digest;
  readonly bytes: number;
  readonly entries: number;
}

/** Which entries of a log make a resume point. */
export interface WantedResume {
  readonly step: StepPath;
  readonly seqs: readonly number[];
}

/** The entry of a fact that is a durable point of this step. */
const entryOf = (fact: RunFact, step: StepPath): CheckpointEntry | undefined => {
  switch (fact.type) {
    case 'turn_planned':
    case 'tool_done':
    case 'agent_restarted':
    case 'message_replied':
      return fact.step === step ? fact.entry : undefined;
    default:
      return undefined;
  }
};

/** Names the entries: the log never changes, so that equal numbers mean equal entries. */
export const resumeKey = ({ seqs }: Pick<WantedResume, 'seqs'>): string => seqs.join(' ');

/**
 * Reads the entries from the log, which must hold them, and stores them as a document for the worker. Throws `unavailable`, and
 * `internal` when the log holds something else in their place.
 */
export const storeResume = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  { step, seqs }: WantedResume,
): Promise<StoredResume> => {
  const entries: CheckpointEntry[] = [];
  const last = seqs.at(-1) ?? 0;
  for (let next = 0; next < seqs.length; ) {
    const first = seqs[next] ?? last;
    const page = await engine.deps.runs.readFacts(tenant, runId, first - 1, Math.min(pageFacts, last - first + 1));
    for (; next < seqs.length; next += 1) {
      const place = (seqs[next] ?? last) - first;
      if (place >= pageFacts) break;
      const fact = page[place];
      const entry = fact === undefined ? undefined : entryOf(fact, step);
      if (entry === undefined)
        throw new DomainError('internal', `fact ${seqs[next]} is no durable point of ${step}`, { runId, step });
      entries.push(entry);
    }
  }
  const document: ResumePoint = { format: 1, entries };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return { digest: await engine.deps.blobs.put(tenant, bytes), bytes: bytes.byteLength, entries: entries.length };
};
