import type { Meter } from '@skein/ports';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricDeclaration, metricDeclarations } from './metric-names.ts';

/** A meter and its text form. */
export interface PrometheusMeter extends Meter {
  /** All metrics in Prometheus' text exposition format. */
  text(): Promise<string>;
  readonly contentType: string;
}

type Metric = Counter | Gauge | Histogram;
type Labels = { readonly [key: string]: string };

const create = (name: string, declared: MetricDeclaration, registers: Registry[]): Metric => {
  const shared = { name, help: declared.help, labelNames: [...declared.labels], registers };
  switch (declared.kind) {
    case 'counter':
      return new Counter(shared);
    case 'gauge':
      return new Gauge(shared);
    case 'histogram':
      return new Histogram(declared.buckets === undefined ? shared : { ...shared, buckets: [...declared.buckets] });
  }
};

/** What a meter serves beside what is declared. */
export interface PrometheusMeterOptions {
  /** Those of Node and the process too. */
  readonly processMetrics?: boolean;
  /** `coordinator` leaves out what only workers count. */
  readonly part?: 'coordinator';
}

/**
 * The `Meter` port on prom-client, with a registry of its own.
 * A name or label that is not declared in `metric-names.ts`, and a wrong value, is left out: measuring never breaks what it measures.
 */
export const createPrometheusMeter = (options: PrometheusMeterOptions = {}): PrometheusMeter => {
  const registry = new Registry();
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  const metrics = new Map<string, Metric>();
  for (const [name, declared] of Object.entries(metricDeclarations)) {
    if (options.part === undefined || declared.of === undefined) metrics.set(name, create(name, declared, [registry]));
  }
  const declaredLabels = (name: string, labels: Labels | undefined): { [key: string]: string } => {
    const kept: { [key: string]: string } = {};
    for (const label of metricDeclarations[name]?.labels ?? []) {
      const value = labels?.[label];
      if (value !== undefined) kept[label] = value;
    }
    return kept;
  };
  return {
    count: (name, by = 1, labels) => {
      const metric = metrics.get(name);
      if (metric instanceof Counter && by >= 0) metric.inc(declaredLabels(name, labels), by);
    },
    gauge: (name, value, labels) => {
      const metric = metrics.get(name);
      if (metric instanceof Gauge && Number.isFinite(value)) metric.set(declaredLabels(name, labels), value);
    },
    observe: (name, value, labels) => {
      const metric = metrics.get(name);
      if (metric instanceof Histogram && Number.isFinite(value)) metric.observe(declaredLabels(name, labels), value);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
};
