/** Structured log. Messages are constant strings; data goes in fields. Fields never hold secret values (S3). */
export interface Log {
  debug(message: string, fields?: { readonly [key: string]: unknown }): void;
  info(message: string, fields?: { readonly [key: string]: unknown }): void;
  warn(message: string, fields?: { readonly [key: string]: unknown }): void;
  error(message: string, fields?: { readonly [key: string]: unknown }): void;
  child(fields: { readonly [key: string]: unknown }): Log;
}

/** Counters, gauges and histograms by name (`skein_…`); names and labels are listed in `telemetry/metric-names`. */
export interface Meter {
  count(name: string, by?: number, labels?: { readonly [key: string]: string }): void;
  gauge(name: string, value: number, labels?: { readonly [key: string]: string }): void;
  /** `value` in the unit of the name (`_seconds`, `_bytes`). */
  observe(name: string, value: number, labels?: { readonly [key: string]: string }): void;
}
