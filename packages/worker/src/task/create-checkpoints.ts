// The durable points of one agent attempt, as its executor makes them.
// P1 The index counts the entries of this transcript: those that were resumed from, then those recorded here; from 0 again after a restart.
// P2 No secret that the task has read is in an entry, or in a value that an entry names (S3). What the endpoint and the coordinator read
//    in an entry (names, numbers, digests) stays as it is.
// P3 A resume point that cannot be had, or is none, is an honest start from turn 0, recorded as such.
import {
  type CheckpointEntry,
  canonicalJson,
  DomainError,
  isDomainError,
  type JsonValue,
  maxInlineCheckpointBytes,
  type ResumePoint,
  type TaskOffer,
  utf8Bytes,
  utf8Length,
  type ValueRef,
} from '@skein/domain';
import type { Checkpoints, Hasher, TaskTransfers } from '@skein/ports';
import type { Redactor } from '../secrets/redactor.ts';
import { fetchValue } from './resolve-inputs.ts';

/** What the checkpoints of one attempt work with. */
export interface CheckpointsDeps {
  readonly transfers: Pick<TaskTransfers, 'fetchBlob' | 'storeBlob' | 'checkpoint'>;
  readonly hasher: Hasher;
  readonly redactor: Redactor;
  /** A line for the step's log. */
  readonly note: (line: string) => void;
}

/**
 * Opens the checkpoints of an attempt, with what it goes on from. Throws what the transfers throw, except for a resume point that is
 * gone, damaged or no such thing: then a restart is recorded first (P3).
 */
export const openCheckpoints = async (deps: CheckpointsDeps, { resume }: TaskOffer): Promise<Checkpoints> => {
  if (resume === undefined) return createCheckpoints(deps, undefined, 0);
  try {
    const point = readResumePoint(await fetchValue(deps.hasher, deps.transfers, resume.digest), resume.entries);
    return createCheckpoints(deps, point, resume.entries);
  } catch (error) {
    const reason = whyUnusable(error)?.slice(0, maxReasonLength);
    if (reason === undefined) throw error;
    deps.note(`the agent begins again at turn 0: ${reason}`);
    const checkpoints = createCheckpoints(deps, undefined, resume.entries);
    await checkpoints.record([{ type: 'restart', reason }]);
    return checkpoints;
  }
};

const createCheckpoints = (
  { transfers, hasher, redactor }: CheckpointsDeps,
  resume: ResumePoint | undefined,
  alreadyRecorded: number,
): Checkpoints => {
  let recorded = alreadyRecorded;
  return {
    ...(resume === undefined ? {} : { resume }),
    keep: async (value) => {
      const clean = redactor.value(value);
      const json = canonicalJson(clean);
      const bytes = utf8Length(json);
      if (bytes <= maxInlineCheckpointBytes) return { inline: clean };
      return { digest: await transfers.storeBlob(utf8Bytes(json)), bytes };
    },
    load: async (ref) => ('inline' in ref ? ref.inline : fetchValue(hasher, transfers, ref.digest)),
    record: (entries) => {
      if (entries.length === 0) return Promise.resolve();
      const index = recorded;
      for (const entry of entries) recorded = entry.type === 'restart' ? 0 : recorded + 1; // P1
      return transfers.checkpoint(
        index,
        entries.map((entry) => redacted(redactor, entry)),
      );
    },
  };
};

const redacted = (redactor: Redactor, entry: CheckpointEntry): CheckpointEntry => {
  if (redactor.isEmpty) return entry;
  const ref = (value: ValueRef): ValueRef => ('inline' in value ? { inline: redactor.value(value.inline) } : value);
  switch (entry.type) {
    case 'turn':
      return { ...entry, delta: ref(entry.delta) };
    case 'tool':
      return {
        ...entry,
        result: ref(entry.result),
        ...(entry.treeLost === undefined ? {} : { treeLost: redactor.text(entry.treeLost) }),
      };
    case 'reply':
      return { ...entry, text: redactor.text(entry.text) };
    case 'restart':
      return { ...entry, reason: redactor.text(entry.reason) };
  }
};

const entryTypes: ReadonlySet<unknown> = new Set<CheckpointEntry['type']>(['turn', 'tool', 'reply', 'restart']);

const readResumePoint = (value: JsonValue, count: number): ResumePoint => {
  const { format, entries } = (value ?? {}) as { readonly format?: unknown; readonly entries?: unknown };
  if (format !== 1) throw new DomainError('unprocessable', 'it is of a format that this worker does not know');
  const areEntries =
    Array.isArray(entries) &&
    entries.length === count &&
    entries.every((entry: unknown) => entryTypes.has((entry as { readonly type?: unknown } | null)?.type));
  if (!areEntries) throw new DomainError('unprocessable', 'it does not hold the entries that it was offered with');
  return value as unknown as ResumePoint;
};

const maxReasonLength = 1_000;

/** Why time does not heal it; undefined for what may be tried again elsewhere. */
const whyUnusable = (error: unknown): string | undefined => {
  const prefix = 'its checkpoint cannot be used';
  if (error instanceof SyntaxError || error instanceof TypeError) return `${prefix}: it is no JSON`;
  if (!isDomainError(error)) return undefined;
  const isFinal = error.code === 'not_found' || error.code === 'digest_mismatch' || error.code === 'unprocessable';
  return isFinal ? `${prefix}: ${error.message}` : undefined;
};
