import { cleanText } from '../text/clean-text.ts';
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
  const outcomes = proposals.toSorted(inOrder).map((proposal): FoldOutcome => {
    const { proposalId } = proposal;
    const step = foldOne(folded, proposal);
    if ('to' in step) return { proposalId, ...step };
    const bytes = utf8Length(step.text);
    if (bytes > limits.maxBytes && bytes >= utf8Length(folded)) {
      const reason = `the memory would have ${bytes} bytes; its limit is ${limits.maxBytes}`;
      return { proposalId, to: 'review', reason };
    }
    folded = step.text;
    return { proposalId, to: 'folded' };
  });
  return { text: folded, outcomes };
};

const inOrder = (a: FoldableProposal, b: FoldableProposal): number =>
  a.at - b.at || (a.proposalId < b.proposalId ? -1 : a.proposalId > b.proposalId ? 1 : 0);

type Step = { readonly text: string } | { readonly to: 'review' | 'dropped'; readonly reason: string };

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
  return { text: before === '' ? `${note}\n` : `${before}${isParagraph ? '\n\n' : '\n'}${note}\n` };
};

/** The note stands in the text as whole lines. */
const holdsLines = (text: string, note: string): boolean => `\n${text}\n`.includes(`\n${note}\n`);

const replace = (text: string, note: string, basis: string | undefined): Step => {
  const place = placeOf(text, basis);
  if ('reason' in place) {
    return place.gone && holdsLines(text, note)
      ? { to: 'dropped', reason: 'the memory says this already' }
      : { to: 'review', reason: place.reason };
  }
  const next = text.slice(0, place.start) + note + text.slice(place.end);
  return next === text ? { to: 'dropped', reason: 'it changes nothing' } : { text: next };
};

const remove = (text: string, basis: string | undefined): Step => {
  const place = placeOf(text, basis);
  if ('reason' in place) return { to: 'review', reason: place.reason };
  const { start, end } = place;
  const wholeLines = (start === 0 || text[start - 1] === '\n') && (end === text.length || text[end] === '\n');
  return { text: text.slice(0, start) + text.slice(wholeLines ? end + 1 : end) };
};

type Place = { readonly start: number; readonly end: number } | { readonly reason: string; readonly gone: boolean };

/** The first place of the passage, word for word. */
const placeOf = (text: string, basis: string | undefined): Place => {
  const passage = withoutOuterBreaks(basis ?? '');
  if (passage.trim() === '') return { reason: 'it names no passage', gone: false };
  const start = text.indexOf(passage);
  if (start === -1) return { reason: 'its passage is not in the memory any more', gone: true };
  let places = 0;
  for (let at = start; at !== -1 && places <= maxBasisPlaces; at = text.indexOf(passage, at + passage.length))
    places += 1;
  if (places > maxBasisPlaces)
    return { reason: `its passage stands at more than ${maxBasisPlaces} places`, gone: false };
  return { start, end: start + passage.length };
};
