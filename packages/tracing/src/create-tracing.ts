import { SpanKind as OtelKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { TraceContext } from '@skein/domain';
import type { FinishedSpan, Log, SpanAttributes, SpanEvent, SpanKind, Tracer } from '@skein/ports';
import { spanAttribute } from '@skein/ports';
import { freshId } from './fresh-id.ts';
import { sampledShare } from './sampled-share.ts';
import { watchedExporter } from './watched-exporter.ts';

/** Where spans go, and in whose name. */
export interface TracingOptions {
  /** URL of the collector's OTLP/HTTP door for traces, with its path. */
  readonly url: string;
  /** Sent with every request; may hold credentials. */
  readonly headers?: { readonly [name: string]: string };
  /** `service.name`. */
  readonly service: string;
  /** Further attributes of the process. */
  readonly resource?: { readonly [name: string]: string };
  /** Share of the traces that nobody else decided about, 0 to 1; default 1. */
  readonly share?: number;
  readonly log: Log;
  /** How long the end may take, ms; default 2 s. */
  readonly closeMs?: number;
  /** In place of OTLP. */
  readonly exporter?: SpanExporter;
}

/** A tracer and its end. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what is left, for at most `closeMs`; later spans are dropped. Never throws. */
  readonly close: () => Promise<void>;
}

const defaultCloseMs = 2_000;
/** For one request; a collector that is away holds up nothing but its queue. */
const exportMs = 5_000;
/** Spans that wait for the collector; more are dropped. */
const maxQueued = 8_192;
const maxBatch = 512;
const delayMs = 1_000;

const kinds: { readonly [kind in SpanKind]: OtelKind } = {
  internal: OtelKind.INTERNAL,
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
};
const scope = { name: 'skein' };

/** A tracer that sends spans to a collector by OTLP over HTTP (JSON), in batches. */
export const createTracing = (options: TracingOptions): Tracing => {
  const { url, headers = {}, service, log, share = 1, closeMs = defaultCloseMs } = options;
  const exporter = options.exporter ?? new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: exportMs });
  const processor = new BatchSpanProcessor(watchedExporter(exporter, log), {
    maxQueueSize: maxQueued,
    maxExportBatchSize: maxBatch,
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: exportMs,
  });
  const resource = resourceFromAttributes({ ...options.resource, 'service.name': service });
  const samples = sampledShare(share);
  const record = (span: FinishedSpan): void => {
    if (!span.context.sampled) return;
    try {
      processor.onEnd(readable(span, resource));
    } catch (error) {
      log.debug('a span was not recorded', { error });
    }
  };
  let closing: Promise<void> | undefined;
  return {
    tracer: {
      isOn: true,
      record,
      samples,
      begin: (name, { kind, parent, attributes = {} } = {}) => {
        const context = parent === undefined ? newTrace(samples) : { ...parent, spanId: freshId(8) };
        return openSpan(record, { name, context, ...(kind && { kind }), ...(parent && { parent }) }, attributes);
      },
    },
    close: () => {
      closing ??= inTime(processor.shutdown(), closeMs).then((isDone) => {
        if (!isDone) log.warn('spans cannot be sent', { cause: `not all were taken within ${closeMs} ms` });
      });
      return closing;
    },
  };
};

/** False when the time is over before the work is, however it ends. */
const inTime = async (work: Promise<unknown>, ms: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms).unref();
  });
  const isDone = await Promise.race([
    work.then(
      () => true,
      () => true,
    ),
    late,
  ]);
  clearTimeout(timer);
  return isDone;
};

const newTrace = (samples: Tracer['samples']): TraceContext => {
  const traceId = freshId(16);
  return { traceId, spanId: freshId(8), sampled: samples(traceId) };
};

/** Milliseconds since the epoch, finer than a millisecond and never backwards. */
const now = (): number => performance.timeOrigin + performance.now();

const openSpan = (
  record: (span: FinishedSpan) => void,
  about: Pick<FinishedSpan, 'name' | 'kind' | 'context' | 'parent'>,
  given: SpanAttributes,
): ReturnType<Tracer['begin']> => {
  const startAt = now();
  const attributes = { ...given };
  const events: SpanEvent[] = [];
  let isOpen = true;
  return {
    context: about.context,
    set: (more) => void Object.assign(attributes, more),
    event: (name, more) => void events.push({ name, at: now(), ...(more && { attributes: more }) }),
    end: (error) => {
      if (!isOpen) return;
      isOpen = false;
      record({ ...about, startAt, endAt: now(), attributes, events, ...(error === undefined ? {} : { error }) });
    },
  };
};

const contextOf = ({ traceId, spanId, sampled }: TraceContext) => ({
  traceId,
  spanId,
  traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
});

/** Seconds and nanoseconds. */
const timeOf = (ms: number): [number, number] => {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)];
};

const readable = (span: FinishedSpan, resource: Resource): ReadableSpan => {
  const { name, kind = 'internal', context, parent, startAt, events = [], error } = span;
  // What came from two clocks may end before it began.
  const endAt = Math.max(startAt, span.endAt);
  const parentContext = parent === undefined ? undefined : contextOf(parent);
  return {
    name,
    kind: kinds[kind],
    spanContext: () => contextOf(context),
    ...(parentContext === undefined ? {} : { parentSpanContext: parentContext }),
    startTime: timeOf(startAt),
    endTime: timeOf(endAt),
    duration: timeOf(endAt - startAt),
    status: { code: error === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR },
    attributes: error === undefined ? span.attributes : { ...span.attributes, [spanAttribute.errorType]: error },
    links: [],
    events: events.map(({ name: what, at, attributes }) => ({
      name: what,
      time: timeOf(at),
      ...(attributes === undefined ? {} : { attributes }),
    })),
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
};
