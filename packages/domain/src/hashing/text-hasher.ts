/** The part of the hash that the domain needs: `sha256:` and hex over UTF-8 text. */
export interface TextHasher {
  digest(text: string): string;
}
