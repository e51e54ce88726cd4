/** Passages up to this length are searched by the engine, whose worst case is text times passage. */
const shortPassage = 32;

/**
 * The first place of a passage in a text from `from` on, or -1. In time that grows with text and passage, not with their product,
 * whatever an author made them of (Knuth, Morris and Pratt).
 */
export const findPassage = (text: string, passage: string, from = 0): number => {
  if (passage.length <= shortPassage) return text.indexOf(passage, from);
  const borders = bordersOf(passage);
  let same = 0;
  for (let at = from; at < text.length; at += 1) {
    if (same === 0) {
      // The engine is quicker at finding a beginning.
      at = text.indexOf(passage.charAt(0), at);
      if (at === -1) return -1;
    }
    const unit = text.charCodeAt(at);
    while (same > 0 && passage.charCodeAt(same) !== unit) same = borders[same - 1] as number;
    if (passage.charCodeAt(same) === unit) same += 1;
    if (same === passage.length) return at - same + 1;
  }
  return -1;
};

/** For each beginning of the passage the length of its longest proper beginning that it ends with too. */
const bordersOf = (passage: string): Uint32Array => {
  const borders = new Uint32Array(passage.length);
  let same = 0;
  for (let at = 1; at < passage.length; at += 1) {
    while (same > 0 && passage.charCodeAt(same) !== passage.charCodeAt(at)) same = borders[same - 1] as number;
    if (passage.charCodeAt(same) === passage.charCodeAt(at)) same += 1;
    borders[at] = same;
  }
  return borders;
};
