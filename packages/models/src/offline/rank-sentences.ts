const commonWords: ReadonlySet<string> = new Set(
  'a an and are as at be but by for from has have in into is it its not of on or that the their this to was were will with you your'.split(
    ' ',
  ),
);

/**
 * The `count` sentences that say most, in the order of the text: a sentence scores the mean frequency of its words in the whole text.
 * Ties go to the earlier sentence, so the answer is deterministic.
 */
export const rankSentences = (text: string, count: number): readonly string[] => {
  const sentences = text
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.replace(/\s+/g, ' ').trim())
    .filter((sentence) => /[\p{L}\p{N}]/u.test(sentence));
  return best(sentences, text, count);
};

const best = (sentences: readonly string[], text: string, count: number): readonly string[] => {
  const frequency = new Map<string, number>();
  for (const word of wordsOf(text)) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const scored = sentences.map((sentence, index) => {
    const words = wordsOf(sentence);
    const sum = words.reduce((total, word) => total + (frequency.get(word) ?? 0), 0);
    return { sentence, index, score: words.length === 0 ? 0 : sum / words.length };
  });
  return scored
    .toSorted((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, Math.max(0, count))
    .toSorted((a, b) => a.index - b.index)
    .map(({ sentence }) => sentence);
};

const wordsOf = (text: string): readonly string[] =>
  (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => !commonWords.has(word));

/** The `count` texts that say most by the same rule, in their order. */
export const rankTexts = (texts: readonly string[], count: number): readonly string[] =>
  best(texts, texts.join('\n'), count);
