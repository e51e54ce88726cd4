/** A regular expression that was compiled from someone else's text. */
export interface TextPattern {
  /** True for a match anywhere in the text. Throws `deadline_exceeded` when the answer takes too long to find. */
  test(text: string): boolean;
}

/**
 * Compiles patterns that authors wrote and that others' text is matched with. JavaScript's own engine can be made to search
 * for years; what implements this gives up instead, so that one pattern never holds a worker.
 */
export interface TextPatterns {
  /** With the flag `u`. Throws `invalid_argument` for what is no regular expression. */
  compile(source: string): TextPattern;
}
