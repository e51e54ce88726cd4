import { hash } from 'node:crypto';

/** Tokens that worked lately, by their SHA-256: they are let in while an address is blocked for guessing. */
export class KnownTokens {
  readonly #digests = new Set<string>();
  readonly #max: number;

  constructor(max = 1_000) {
    this.#max = max;
  }

  add(token: string): void {
    const digest = hash('sha256', token, 'base64');
    if (this.#digests.has(digest)) return;
    if (this.#digests.size >= this.#max) {
      const [oldest = ''] = this.#digests;
      this.#digests.delete(oldest);
    }
    this.#digests.add(digest);
  }

  has(token: string): boolean {
    return this.#digests.has(hash('sha256', token, 'base64'));
  }
}
