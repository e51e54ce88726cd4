import type { TraceContext } from '@skein/domain';
import type { FinishedSpan, SpanAttributes, SpanEvent, Tracer } from '@skein/ports';

/** A tracer that keeps its spans for the test to read, in the order in which they ended. */
export interface MemoryTracer extends Tracer {
  readonly spans: readonly FinishedSpan[];
  /** Lines `NAME below NAME-OF-PARENT`, `below nothing`, or `below elsewhere` for a parent that was not recorded. */
  tree(): readonly string[];
}

/** Records every trace, or none that it is asked about; ids count up. Live spans have no times. */
export const createMemoryTracer = ({ samples = true }: { readonly samples?: boolean } = {}): MemoryTracer => {
  const spans: FinishedSpan[] = [];
  let last = 0;
  const id = (chars: number): string => {
    last += 1;
    return last.toString(16).padStart(chars, '0');
  };
  const record = (span: FinishedSpan): void => {
    if (span.context.sampled) spans.push(span);
  };
  return {
    isOn: true,
    spans,
    record,
    samples: () => samples,
    begin: (name, { parent, kind, attributes: given = {} } = {}) => {
      const context: TraceContext =
        parent === undefined ? { traceId: id(32), spanId: id(16), sampled: samples } : { ...parent, spanId: id(16) };
      const attributes: { [name: string]: SpanAttributes[string] } = { ...given };
      const events: SpanEvent[] = [];
      let isOpen = true;
      return {
        context,
        set: (more) => void Object.assign(attributes, more),
        event: (what, more) =>
          void events.push({ name: what, at: 0, ...(more === undefined ? {} : { attributes: more }) }),
        end: (error) => {
          if (!isOpen) return;
          isOpen = false;
          record({
            name,
            context,
            startAt: 0,
            endAt: 0,
            attributes,
            events,
            ...(kind === undefined ? {} : { kind }),
            ...(parent === undefined ? {} : { parent }),
            ...(error === undefined ? {} : { error }),
          });
        },
      };
    },
    tree: () =>
      spans.map(({ name, parent }) => {
        if (parent === undefined) return `${name} below nothing`;
        const above = spans.find(({ context }) => context.spanId === parent.spanId);
        return `${name} below ${above?.name ?? 'elsewhere'}`;
      }),
  };
};
