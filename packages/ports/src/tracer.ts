import type { TraceContext } from '@skein/domain';

/** What is known of a span: names of `spanAttribute`, few and short values, never a secret, prompt or output. */
export interface SpanAttributes {
  readonly [name: string]: string | number | boolean;
}

/** Something that happened within a span; `at` in ms since the epoch. */
export interface SpanEvent {
  readonly name: string;
  readonly at: number;
  readonly attributes?: SpanAttributes;
}

/** On which side of a call a span is: `internal` for none. */
export type SpanKind = 'internal' | 'server' | 'client';

/** A span that is over, whoever began it. */
export interface FinishedSpan {
  readonly name: string;
  /** Default `internal`. */
  readonly kind?: SpanKind;
  readonly context: TraceContext;
  /** Absent for the first of a trace. */
  readonly parent?: TraceContext;
  /** Milliseconds since the epoch. */
  readonly startAt: number;
  readonly endAt: number;
  readonly attributes: SpanAttributes;
  readonly events?: readonly SpanEvent[];
  /** A code, when it ended badly. */
  readonly error?: string;
}

/** A span that lasts. Nothing of it throws. */
export interface Span {
  readonly context: TraceContext;
  set(attributes: SpanAttributes): void;
  event(name: string, attributes?: SpanAttributes): void;
  /** Ends it, with a code when badly; again, it changes nothing. */
  end(error?: string): void;
}

/**
 * Records spans. A span whose context is not sampled is not recorded. Nothing of it throws or waits, and what becomes of the spans
 * matters to nobody. Whoever makes attributes asks `isOn` first, so that no tracing costs one look.
 */
export interface Tracer {
  readonly isOn: boolean;
  /** A span that begins now, in the trace of its parent or in one of its own. */
  begin(
    name: string,
    options?: { readonly kind?: SpanKind; readonly parent?: TraceContext; readonly attributes?: SpanAttributes },
  ): Span;
  record(span: FinishedSpan): void;
  /** Whether a trace that nobody else decided about is recorded; the same at every tracer with the same share. */
  samples(traceId: string): boolean;
}

const nowhere: TraceContext = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), sampled: false };
const noSpan: Span = { context: nowhere, set: () => undefined, event: () => undefined, end: () => undefined };

/** Records nothing. */
export const noTracer: Tracer = {
  isOn: false,
  begin: () => noSpan,
  record: () => undefined,
  samples: () => false,
};
