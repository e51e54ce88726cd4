/** What a metric is, and the labels it may carry; every label has few values. */
export interface MetricDeclaration {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
}

const latencySeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const taskSeconds = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800];
const payloadBytes = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/** Every metric of Skein: the one place where a name, its meaning and its labels are set. */
export const metricDeclarations: { readonly [name: string]: MetricDeclaration } = {
  skein_http_requests_total: {
    kind: 'counter',
    help: 'HTTP requests answered, by route and status.',
    labels: ['method', 'route', 'status'],
  },
  skein_http_request_seconds: {
    kind: 'histogram',
    help: 'Time to the answer of an HTTP request; for streams, to its first byte.',
    labels: ['method', 'route'],
    buckets: latencySeconds,
  },
  skein_http_event_streams: { kind: 'gauge', help: 'Open event and log streams over HTTP.', labels: [] },
  skein_tasks_seconds: {
    kind: 'histogram',
    help: 'Duration of an attempt on its worker.',
    labels: [],
    buckets: taskSeconds,
  },
  skein_snapshot_sent_bytes: {
    kind: 'histogram',
    help: 'Bytes of snapshot envelopes sent to workers.',
    labels: [],
    buckets: payloadBytes,
  },
};
