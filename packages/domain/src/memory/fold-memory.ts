import { cleanText } from '../text/clean-text.ts';
import { findPassage } from '../text/find-passage.ts';
import { utf8Length } from '../text/utf8.ts';
import type { MemoryProposal } from './memory-proposal.ts';

/** A proposal as far as folding goes. */
export interface FoldableProposal extends Omit<MemoryProposal, 'scope'> {
  readonly proposalId: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** What folding made of a proposal; `reason` is for people. */
export type FoldOutcome =
  | { readonly proposalId: string; readonly to: 'folded' }
  | { readonly proposalId: string; readonly to: 'review' | 'dropped'; readonly reason: string };

/** The text after folding, and one outcome for each proposal, in folding order. */
export interface FoldedMemory {
  readonly text: string;
  readonly outcomes: readonly FoldOutcome[];
}

/** A passage that stands at more places than this names none of them. */
export const maxBasisPlaces = 4;

// Control characters of both sets, but not line break and tab.
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** A note as memory keeps it: no control characters but line breaks and tabs, no lone surrogates. Idempotent. */
export const cleanMemoryText = (text: string): string => cleanText(text.replaceAll('\r\n', '\n').replace(controls, ''));

/**
 * Folds proposals into the text of their scope, one after the other in the order of instant, then id. Nothing but the text so far
 * decides what becomes of a proposal, so that one batch gives what many do. A proposal that cannot be folded leaves the text
 * as it is: nothing is ever cut to fit.
 */
export const foldMemory = (
  text: string,
  proposals: readonly FoldableProposal[],
  limits: { readonly maxBytes: number },
): FoldedMemory => {
  let folded = text;
  // Counted by what changes: a whole text of 64 KiB is long to count for each of many notes.
  let size = utf8Length(text);
  const outcomes = proposals.toSorted(inOrder).map((proposal): FoldOutcome => {
    const { proposalId } = proposal;
    const step = foldOne(folded, proposal);
    if ('to' in step) return { proposalId, ...step };
    const bytes = size + step.grows;
    if (bytes > limits.maxBytes && step.grows >= 0) {
      const reason = `the memory would have ${bytes} bytes; its limit is ${limits.maxBytes}`;
      return { proposalId, to: 'review', reason };
    }
    folded = step.text;
    size = bytes;
    return { proposalId, to: 'folded' };
  });
  return { text: folded, outcomes };
};

const inOrder = (a: FoldableProposal, b: FoldableProposal): number =>
  a.at - b.at || (a.proposalId < b.proposalId ? -1 : a.proposalId > b.proposalId ? 1 : 0);

/** `grows`: bytes that the text has more than before; negative when it has less. */
type Step =
  | { readonly text: string; readonly grows: number }
  | { readonly to: 'review' | 'dropped'; readonly reason: string };

const foldOne = (text: string, proposal: FoldableProposal): Step => {
  const note = withoutOuterBreaks(cleanMemoryText(proposal.text).trimEnd());
  switch (proposal.op) {
    case 'append':
      return append(text, note);
    case 'replace':
      return note === '' ? remove(text, proposal.basis) : replace(text, note, proposal.basis);
    case 'remove':
      return remove(text, proposal.basis);
  }
};

const withoutOuterBreaks = (text: string): string => {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === '\n') start += 1;
  while (end > start && text[end - 1] === '\n') end -= 1;
  return text.slice(start, end);
};

const append = (text: string, note: string): Step => {
  if (note === '') return { to: 'dropped', reason: 'there is no text in it' };
  if (holdsLines(text, note)) return { to: 'dropped', reason: 'the memory says this already' };
  const before = text.trimEnd();
  const isParagraph = note.includes('\n');
  const added = `${before === '' ? '' : isParagraph ? '\n\n' : '\n'}${note}\n`;
  return { text: before + added, grows: utf8Length(added) - utf8Length(text.slice(before.length)) };
};

/** The note stands in the text as whole lines. */
const holdsLines = (text: string, note: string): boolean => findPassage(`\n${text}\n`, `\n${note}\n`) !== -1;

const replace = (text: string, note: string, basis: string | undefined): Step => {
  const place = placeOf(text, basis);
  if ('reason' in place) {
    return place.gone && holdsLines(text, note)
      ? { to: 'dropped', reason: 'the memory says this already' }
      : { to: 'review', reason: place.reason };
  }
  const { start, end } = place;
  const passage = text.slice(start, end);
  if (passage === note) return { to: 'dropped', reason: 'it changes nothing' };
  return { text: text.slice(0, start) + note + text.slice(end), grows: utf8Length(note) - utf8Length(passage) };
};

const remove = (text: string, basis: string | undefined): Step => {
  const place = placeOf(text, basis);
  if ('reason' in place) return { to: 'review', reason: place.reason };
  const { start, end } = place;
  const wholeLines = (start === 0 || text[start - 1] === '\n') && (end === text.length || text[end] === '\n');
  const rest = wholeLines ? end + 1 : end;
  return { text: text.slice(0, start) + text.slice(rest), grows: -utf8Length(text.slice(start, rest)) };
};

type Place = { readonly start: number; readonly end: number } | { readonly reason: string; readonly gone: boolean };

/** The first place of the passage, word for word. */
const placeOf = (text: string, basis: string | undefined): Place => {
  const passage = withoutOuterBreaks(cleanMemoryText(basis ?? ''));
  if (passage.trim() === '') return { reason: 'it names no passage', gone: false };
  const start = findPassage(text, passage);
  if (start === -1) return { reason: 'its passage is not in the memory any more', gone: true };
  let places = 0;
  for (let at = start; at !== -1 && places <= maxBasisPlaces; at = findPassage(text, passage, at + passage.length))
    places += 1;
  if (places > maxBasisPlaces)
    return { reason: `its passage stands at more than ${maxBasisPlaces} places`, gone: false };
  return { start, end: start + passage.length };
};
