/** A value that may be bound. Booleans are 0 and 1. */
export type SqlValue = string | number | null | Uint8Array;

/** A row as the database gives it; blobs come as ArrayBuffer. */
export type SqlRow = { readonly [column: string]: string | number | null | ArrayBuffer };

/** Why a statement failed: the database's own code (`SQLITE_FULL`, …). */
export interface SqlFailure {
  readonly code: string;
  readonly message: string;
}

/** A parameter in the JSON of a batch. */
export type PackedValue = string | number | null | { readonly b: number };

/** Kind, id of the statement's text, parameters; a guard also has what to read when it does not hold. */
export type EncodedStatement = readonly [
  kind: 'changes' | 'exists' | 'holds' | 'run' | 'rows',
  id: number,
  params: readonly PackedValue[],
  otherwiseId?: number,
  otherwiseParams?: readonly PackedValue[],
];

/** Whether results are wanted, the guards, the writes. */
export type EncodedUnit = readonly [
  wanted: boolean,
  guards: readonly EncodedStatement[],
  writes: readonly EncodedStatement[],
];

/** 0: done. An array: done, with one result per write (rows or a count). */
export type EncodedOutcome =
  | 0
  | readonly (readonly SqlRow[] | number)[]
  | { readonly stopped: number; readonly rows: readonly SqlRow[] }
  | { readonly failed: SqlFailure };

/** What the thread is asked. */
export type ThreadRequest = { readonly id: number } & ThreadTask;

/** What a text that is not UTF-8 does to the read that meets it: the read fails, or the text comes with U+FFFD in it. */
export type OnDamage = 'refuse' | 'replace';

/** One task of the thread. `define` gives ids to statement texts, so that each text crosses once. */
export type ThreadTask =
  | { readonly type: 'open' }
  | {
      readonly type: 'commit';
      readonly define: readonly (readonly [number, string])[];
      /** JSON of `EncodedUnit[]`: one string crosses several times faster than many small values. */
      readonly units: string;
      /** Byte parameters; in the JSON each is `{ "b": index }`. */
      readonly bytes: readonly Uint8Array[];
    }
  | { readonly type: 'query'; readonly sql: string; readonly params: readonly SqlValue[]; readonly onDamage?: OnDamage }
  | { readonly type: 'checkpoint' }
  /** Only wakes a thread that was told to end. */
  | { readonly type: 'end' }
  | { readonly type: 'close' };

/** What it answers, in the order of the requests. The number 0 answers nothing: a copy of the log that the thread began by itself failed. */
export type ThreadReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failed: SqlFailure };
