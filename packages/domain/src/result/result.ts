/** The value of a computation whose failure is an ordinary outcome (parsing, validating, allocating). */
export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** A success. */
export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

/** A failure, as a value. */
export const err = <E>(error: E): { readonly ok: false; readonly error: E } => ({ ok: false, error });
