import type { Digest, ManifestPart, SnapshotAttachment } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { ExpectedTransfer } from '../fleet/transfer-counts.ts';
import type { HeldTask, WorkerSession } from '../fleet/worker-session.ts';
import type { SealedSnapshot } from '../submit/sealed-snapshots.ts';
import { splitParts } from '../submit/split-parts.ts';

/*
 * What of a snapshot goes to a worker, and when (S5).
 *  P1 each part that the worker lacks goes once: it counts as held from the moment in which it is sent, or is sure to be asked for
 *  P2 parts over 64 KiB never go with an offer; the worker asks for those it lacks
 */

const sum = (parts: readonly ManifestPart[], bytes: (part: ManifestPart) => number): number =>
  parts.reduce((total, part) => total + bytes(part), 0);

/** P1. */
const noteHeld = (session: WorkerSession, { digest, manifest }: SealedSnapshot): void => {
  session.holdings.add(digest);
  for (const part of manifest.parts) session.holdings.add(part.digest);
};

/** What leaves with the offer of a task that needs this snapshot, and what it is expected to cost. */
export const attachSnapshot = (
  engine: Engine,
  session: WorkerSession,
  digest: Digest,
  sealed: SealedSnapshot | undefined,
): { readonly attachment: SnapshotAttachment; readonly transfer?: ExpectedTransfer } => {
  if (sealed === undefined) return { attachment: { digest } };
  const { snapshotFormat: format, holdings } = session;
  const { small, large } = splitParts(sealed.manifest);
  const lacking = small.filter((part) => !holdings.has(part.digest));
  const toFetch = large.filter((part) => !holdings.has(part.digest));
  const memberBytes = (part: ManifestPart): number => engine.sealed.memberBytes(part);
  /** Bytes that an envelope of these parts takes; their uncompressed size when that would take long to find out. */
  const envelopeBytes = (parts: readonly ManifestPart[]): number =>
    engine.sealed.attachment(sealed, parts, format)?.byteLength ?? sum(parts, ({ size }) => size);
  const whole = envelopeBytes(small) + sum(large, memberBytes);
  const needsEnvelope = lacking.length > 0 || !holdings.has(digest);
  const envelope = needsEnvelope ? engine.sealed.attachment(sealed, lacking, format) : undefined;
  const fits = envelope !== undefined && envelope.byteLength <= engine.config.maxAttachedBytes;
  const expected = sum(toFetch, memberBytes) + (fits || !needsEnvelope ? 0 : envelopeBytes(lacking));
  const attached = fits ? envelope.byteLength : 0;
  const transfer = { expected, saved: Math.max(0, whole - attached - expected) };
  session.transfers.offered(attached, transfer);
  if (!fits) return { attachment: { digest }, transfer };
  session.transfers.snapshots += 1;
  engine.deps.meter.count(metric.snapshotBytesSent, attached);
  noteHeld(session, sealed);
  return { attachment: { digest, envelope }, transfer };
};

/** The envelope for a worker that says what it holds; what is believed of it is set right by that. */
export const sendEnvelope = async (
  engine: Engine,
  session: WorkerSession,
  task: HeldTask | undefined,
  sealed: SealedSnapshot,
  held: readonly Digest[],
): Promise<Uint8Array> => {
  const holds = new Set(held);
  const { small, large } = splitParts(sealed.manifest);
  for (const { digest } of large) if (!holds.has(digest)) session.partsSent.delete(digest);
  const lacking = small.filter(({ digest }) => !holds.has(digest));
  const digests = lacking.map(({ digest }) => digest);
  const envelope = await engine.sealed.packed(sealed, digests, session.snapshotFormat);
  session.transfers.snapshots += 1;
  count(engine, session, task, envelope.byteLength);
  noteHeld(session, sealed);
  return envelope;
};

/** Parts of which it is remembered that they were sent; forgetting them makes a count of bytes too high. */
const maxPartsSent = 4_096;

/** Notes that a part leaves from `offset` to its end. One that goes on where a broken transfer ended was counted to its end by that. */
export const notePart = (
  engine: Engine,
  session: WorkerSession,
  task: HeldTask | undefined,
  part: Digest,
  offset: number,
  size: number,
): void => {
  session.holdings.add(part);
  if (offset > 0 && session.partsSent.has(part)) return;
  if (session.partsSent.size >= maxPartsSent) session.partsSent.clear();
  session.partsSent.add(part);
  count(engine, session, task, size - offset);
};

const count = (engine: Engine, session: WorkerSession, task: HeldTask | undefined, bytes: number): void => {
  session.transfers.sent(bytes, task?.transfer);
  engine.deps.meter.count(metric.snapshotBytesSent, bytes);
};
