import { fastestMs } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { utf8Length } from '../text/utf8.ts';
import type { FoldableProposal } from './fold-memory.ts';
import { cleanMemoryText, foldMemory } from './fold-memory.ts';

const limits = { maxBytes: 100 };
let at = 0;
const append = (text: string): FoldableProposal => ({ proposalId: `p${++at}`, at, op: 'append', text });
const replace = (basis: string, text: string): FoldableProposal => ({
  proposalId: `p${++at}`,
  at,
  op: 'replace',
  text,
  basis,
});
const remove = (basis: string): FoldableProposal => ({ proposalId: `p${++at}`, at, op: 'remove', text: '', basis });
const fold = (text: string, ...proposals: FoldableProposal[]) => {
  const { text: after, outcomes } = foldMemory(text, proposals, limits);
  return { after, outcomes: outcomes.map((outcome) => ('reason' in outcome ? outcome.reason : outcome.to)) };
};

describe('an append', () => {
  test('adds a line at the end', () => {
    expect(fold('', append('one')).after).toBe('one\n');
    expect(fold('# Notes\n- one', append('- two')).after).toBe('# Notes\n- one\n- two\n');
    expect(fold('one\n\n\n', append('two\n')).after).toBe('one\ntwo\n');
  });

  test('of several lines stands as a paragraph of its own', () => {
    expect(fold('one\n', append('two\nthree')).after).toBe('one\n\ntwo\nthree\n');
  });

  test('of what stands there already, line for line, is dropped with the reason', () => {
    expect(fold('one\ntwo\n', append('two'), append('one\ntwo'))).toEqual({
      after: 'one\ntwo\n',
      outcomes: ['the memory says this already', 'the memory says this already'],
    });
    expect(fold('one and two\n', append('one')).outcomes).toEqual(['folded']);
  });

  test('of nothing is dropped', () => {
    expect(fold('one\n', append(' \n\u0000\u0007 '))).toEqual({
      after: 'one\n',
      outcomes: ['there is no text in it'],
    });
  });
});

describe('a replace', () => {
  test('acts on the first exact place of its passage', () => {
    expect(fold('a cat, a cat\n', replace('cat', 'dog'))).toEqual({ after: 'a dog, a cat\n', outcomes: ['folded'] });
  });

  test('keeps characters that patterns of replacement would take for something else', () => {
    expect(fold('price: x\n', replace('x', "$& $1 $' $$")).after).toBe("price: $& $1 $' $$\n");
  });

  test('whose passage is gone waits for review, unless another run said the same', () => {
    expect(fold('a dog\n', replace('cat', 'bird')).outcomes).toEqual(['its passage is not in the memory any more']);
    expect(fold('a cat\n', replace('a cat', 'a dog'), replace('a cat', 'a dog'))).toEqual({
      after: 'a dog\n',
      outcomes: ['folded', 'the memory says this already'],
    });
  });

  test('whose passage stands everywhere, or is nothing, names no place', () => {
    expect(fold('a a a a a\n', replace('a', 'b')).outcomes).toEqual(['its passage stands at more than 4 places']);
    expect(fold('a\n', replace(' ', 'b')).outcomes).toEqual(['it names no passage']);
    expect(fold('a a a a\n', replace('a', 'b')).after).toBe('b a a a\n');
  });
});

describe('a remove', () => {
  test('takes whole lines with their line break, and parts of lines without', () => {
    expect(fold('one\ntwo\nthree\n', remove('two')).after).toBe('one\nthree\n');
    expect(fold('one\ntwo\nthree\n', remove('one\ntwo\n')).after).toBe('three\n');
    expect(fold('one two three\n', remove(' two')).after).toBe('one three\n');
    expect(fold('one', remove('one')).after).toBe('');
  });

  test('whose passage is gone waits for review', () => {
    expect(fold('one\n', remove('two')).outcomes).toEqual(['its passage is not in the memory any more']);
  });
});

describe('the limit', () => {
  test('is never met by cutting: the proposal waits for review and a smaller one still fits', () => {
    const { after, outcomes } = fold('x'.repeat(90), append('y'.repeat(20)), append('yes'));
    expect(outcomes).toEqual(['the memory would have 112 bytes; its limit is 100', 'folded']);
    expect(after).toBe(`${'x'.repeat(90)}\nyes\n`);
  });

  test('counts bytes, and lets a memory that is over it shrink', () => {
    expect(fold('', append('ü'.repeat(50))).outcomes).toEqual(['the memory would have 101 bytes; its limit is 100']);
    const over = `${'z'.repeat(120)}\nend\n`;
    expect(utf8Length(over)).toBeGreaterThan(100);
    expect(fold(over, remove('end')).after).toBe(`${'z'.repeat(120)}\n`);
  });
});

test('the limit may be reached exactly, and is counted right over a whole batch', () => {
  const notes = Array.from({ length: 30 }, (_, index) => append(`é${index + 10}`));
  const { after, outcomes } = fold(' \n', ...notes);
  expect(utf8Length(after)).toBe(100);
  expect(outcomes.filter((outcome) => outcome === 'folded')).toHaveLength(20);
  const swaps = Array.from({ length: 40 }, (_, index) => replace(`é${index}.`, `é${index + 1}.`));
  expect(fold(`é0.${'x'.repeat(95)}`, ...swaps).after).toBe(`é40.${'x'.repeat(95)}`);
});

test('a memory over its limit takes no other text of the same size', () => {
  expect(fold(`${'z'.repeat(120)} a`, replace(' a', ' b')).outcomes).toEqual([
    'the memory would have 122 bytes; its limit is 100',
  ]);
});

test('a replace without one place waits for review, though the memory says its text', () => {
  expect(fold('a a a a a\nb\n', replace('a', 'b'), replace('', 'b')).outcomes).toEqual([
    'its passage stands at more than 4 places',
    'it names no passage',
  ]);
});

test('a passage that was copied with other line breaks is found', () => {
  expect(fold('one\ntwo\nthree\n', replace('one\r\ntwo', 'four')).after).toBe('four\nthree\n');
  expect(fold('one\ntwo\nthree\n', remove('two\r\n')).after).toBe('one\nthree\n');
});

test('half a character is no passage', () => {
  expect(fold('a 😀 b\n', replace('\ud83d', 'x')).outcomes).toEqual(['its passage is not in the memory any more']);
});

test('control characters but line breaks and tabs are no part of a memory', () => {
  expect(cleanMemoryText('a\u0000b\u001b[31mc\td\r\ne\u0085\u007f\ud800')).toBe('ab[31mc\td\ne\ufffd');
  expect(fold('', append('red\u001b[31m alert')).after).toBe('red[31m alert\n');
});

test('proposals are folded by instant, then by id, in whatever order they come', () => {
  const late = { ...append('late'), at: 9_000 };
  const b = { ...append('b'), at: 8_000, proposalId: 'b' };
  const a = { ...append('a'), at: 8_000, proposalId: 'a' };
  expect(fold('', late, b, a).after).toBe('a\nb\nlate\n');
});

test('a hostile passage is looked for in no time', () => {
  const basis = `${'a'.repeat(4_000)}b${'a'.repeat(4_000)}`;
  const hostile = Array.from({ length: 50 }, () => [remove(basis), append(`a\n${basis}`)]).flat();
  const fold = (): unknown => foldMemory('a'.repeat(60_000), hostile, { maxBytes: 60_000 });
  expect(fastestMs(2_000, fold)).toBeLessThan(2_000);
});

test('a hostile text of spaces is folded in no time', () => {
  const spaces = append(`${' '.repeat(8_000)}x`);
  const foldSpaces = (): unknown => foldMemory(`${' '.repeat(60_000)}x`, [spaces], { maxBytes: 65_536 });
  expect(fastestMs(500, foldSpaces)).toBeLessThan(500);
});
