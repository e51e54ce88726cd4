import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8Length } from '../text/utf8.ts';
import { type FoldableProposal, foldMemory } from './fold-memory.ts';

/** Few words, so that passages meet and repeat. */
const word = fc.constantFrom('one', 'two', 'three', 'a\nb', '', ' ', 'ü', '\u0000', 'x'.repeat(40));
const phrase = fc.array(word, { maxLength: 3 }).map((words) => words.join(' '));
const proposals = fc
  .array(fc.record({ op: fc.constantFrom('append', 'replace', 'remove'), text: phrase, basis: phrase, at: fc.nat(5) }))
  .map((list): readonly FoldableProposal[] =>
    list.map((proposal, index) => ({
      ...(proposal as FoldableProposal),
      proposalId: `p${String(index).padStart(3, '0')}`,
    })),
  );
const inOrder = (list: readonly FoldableProposal[]) =>
  [...list].sort((a, b) => a.at - b.at || (a.proposalId < b.proposalId ? -1 : 1));
const limits = { maxBytes: 120 };

test('folding in one batch gives what folding in many gives', () => {
  fc.assert(
    fc.property(phrase, proposals, fc.array(fc.nat(20)), (text, list, cuts) => {
      const whole = foldMemory(text, list, limits);
      const sorted = inOrder(list);
      const bounds = [...new Set([0, ...cuts.map((cut) => Math.min(cut, sorted.length)), sorted.length])].sort(
        (a, b) => a - b,
      );
      let batched = text;
      const outcomes = bounds.slice(1).flatMap((end, index) => {
        const folded = foldMemory(batched, sorted.slice(bounds[index], end), limits);
        batched = folded.text;
        return folded.outcomes;
      });
      expect(batched).toBe(whole.text);
      expect(outcomes).toEqual(whole.outcomes);
    }),
  );
});

test('the order in which proposals are handed over does not matter', () => {
  fc.assert(
    fc.property(phrase, proposals, (text, list) => {
      expect(foldMemory(text, list.toReversed(), limits)).toEqual(foldMemory(text, list, limits));
    }),
  );
});

test('every proposal has one outcome, and the memory never grows over its limit', () => {
  fc.assert(
    fc.property(phrase, proposals, (text, list) => {
      const { text: after, outcomes } = foldMemory(text, list, limits);
      expect(outcomes.map(({ proposalId }) => proposalId).toSorted()).toEqual(
        list.map(({ proposalId }) => proposalId).toSorted(),
      );
      expect(utf8Length(after)).toBeLessThanOrEqual(Math.max(limits.maxBytes, utf8Length(text)));
      if (outcomes.every(({ to }) => to !== 'folded')) expect(after).toBe(text);
    }),
  );
});

test('what was appended is found again, word for word', () => {
  fc.assert(
    fc.property(phrase, fc.string({ maxLength: 20 }), (text, note) => {
      const { text: after, outcomes } = foldMemory(text, [{ proposalId: 'p', at: 1, op: 'append', text: note }], {
        maxBytes: 10_000,
      });
      if (outcomes[0]?.to === 'folded') {
        const again = foldMemory(after, [{ proposalId: 'q', at: 2, op: 'append', text: note }], { maxBytes: 10_000 });
        expect(again).toMatchObject({ text: after, outcomes: [{ to: 'dropped' }] });
      }
    }),
  );
});
