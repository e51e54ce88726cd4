import { DomainError, isDomainError } from '@skein/domain';

/** Most addresses of one client. */
const maxBases = 32;

/** The coordinators that a client may talk to; it stays with one until that one cannot be reached. */
export class BaseUrls {
  readonly #bases: readonly string[];
  #at: number;

  /** Several are separated by commas. The client begins at any of them, so that many clients spread. Throws `invalid_argument` for none. */
  constructor(urls: string | readonly string[], random: () => number) {
    const given = (typeof urls === 'string' ? urls.split(',') : urls).map((url) => url.trim().replace(/\/+$/, ''));
    this.#bases = [...new Set(given)].filter((url) => url !== '');
    if (this.#bases.length === 0 || this.#bases.length > maxBases)
      throw new DomainError('invalid_argument', `a client needs 1 to ${maxBases} addresses of coordinators`);
    this.#at = Math.floor(random() * this.#bases.length);
  }

  get first(): string {
    return this.#bases[0] as string;
  }

  get count(): number {
    return this.#bases.length;
  }

  get current(): string {
    return this.#bases[this.#at] as string;
  }

  /** This one cannot be reached: the next call goes to another. Nothing happens when a call beside this one has left it already. */
  leave(base: string): void {
    if (this.current === base) this.#at = (this.#at + 1) % this.#bases.length;
  }
}

/** Errors of connections that were never made: nothing was asked for. */
const neverSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** True when nobody can have seen the call, so that even one that must not be repeated may go to another coordinator. */
export const wasNeverSent = (error: unknown): boolean => {
  if (!isDomainError(error) || error.code !== 'unavailable') return false;
  let cause: unknown = error.cause;
  for (let depth = 0; depth < 4 && typeof cause === 'object' && cause !== null; depth += 1) {
    if (neverSent.has(String((cause as { readonly code?: unknown }).code))) return true;
    const { errors } = cause as { readonly errors?: readonly unknown[] };
    if (Array.isArray(errors) && errors.length > 0)
      return errors.every((each) => neverSent.has(String((each as { readonly code?: unknown } | null)?.code)));
    cause = (cause as { readonly cause?: unknown }).cause;
  }
  return false;
};
