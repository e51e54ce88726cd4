import { err, ok, type Result } from '@skein/domain';

/** Where and how a process sends traces. */
export interface TraceSettings {
  /** URL of OTLP over HTTP for traces, with its path. */
  readonly url: string;
  /** May hold credentials: never shown. */
  readonly headers: { readonly [name: string]: string };
  /** `service.name`, where one is given. */
  readonly service?: string;
  readonly resource: { readonly [name: string]: string };
  /** Share of the traces that nobody else decided about, 0 to 1. */
  readonly share: number;
}

/** Variables of traces whose values may be credentials. */
export const traceSecretVariables = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'] as const;

const defaultEndpoint = 'http://localhost:4318';

/**
 * Reads the variables of OpenTelemetry that Skein knows. Traces are asked for by an endpoint, or by `SKEIN_TRACES=1`; `SKEIN_TRACES=0` and
 * `OTEL_SDK_DISABLED=true` say no. Undefined: no traces. An error names each variable that cannot be used.
 */
export const readTraceSettings = (env: {
  readonly [name: string]: string | undefined;
}): Result<TraceSettings | undefined, readonly string[]> => {
  const given = (name: string): string | undefined => (env[name]?.trim() === '' ? undefined : env[name]?.trim());
  const own = given('SKEIN_TRACES');
  const base = given('OTEL_EXPORTER_OTLP_ENDPOINT');
  const whole = given('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  if (own !== undefined && own !== '0' && own !== '1') return err(['SKEIN_TRACES: must be 0 or 1']);
  const isOff = own === '0' || given('OTEL_SDK_DISABLED')?.toLowerCase() === 'true';
  if (isOff || (own === undefined && base === undefined && whole === undefined)) return ok(undefined);
  const problems: string[] = [];
  const named = whole === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  const text = whole ?? `${(base ?? defaultEndpoint).replace(/\/+$/, '')}/v1/traces`;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    problems.push(`${named}: must be an http(s) URL`);
  const protocol = given('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? given('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol === 'grpc')
    problems.push(
      'OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent over HTTP (http/json), usually at port 4318, not over gRPC',
    );
  const headers = pairs(given('OTEL_EXPORTER_OTLP_HEADERS'), 'OTEL_EXPORTER_OTLP_HEADERS', problems);
  const ownHeaders = pairs(given('OTEL_EXPORTER_OTLP_TRACES_HEADERS'), 'OTEL_EXPORTER_OTLP_TRACES_HEADERS', problems);
  const resource = pairs(given('OTEL_RESOURCE_ATTRIBUTES'), 'OTEL_RESOURCE_ATTRIBUTES', problems);
  const share = shareOf(given('OTEL_TRACES_SAMPLER'), given('OTEL_TRACES_SAMPLER_ARG'), problems);
  if (problems.length > 0) return err(problems);
  const service = given('OTEL_SERVICE_NAME') ?? resource['service.name'];
  return ok({
    url: text,
    headers: { ...headers, ...ownHeaders },
    ...(service === undefined ? {} : { service }),
    resource,
    share,
  });
};

/** `name=value,name=value`, values percent-encoded. Says nothing of what they hold. */
const pairs = (text: string | undefined, variable: string, problems: string[]): { readonly [name: string]: string } => {
  const found: [string, string][] = [];
  for (const pair of text?.split(',') ?? []) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    try {
      if (pair.trim() === '') continue;
      if (at <= 0 || name === '') throw new Error('no name');
      found.push([name, decodeURIComponent(pair.slice(at + 1).trim())]);
    } catch {
      problems.push(`${variable}: must be name=value,name=value, with values percent-encoded`);
      break;
    }
  }
  return Object.fromEntries(found);
};

/** Whoever sends a `traceparent` decides for its trace; the sampler is asked for others. */
const shareOf = (sampler: string | undefined, argument: string | undefined, problems: string[]): number => {
  switch (sampler?.replace('parentbased_', '')) {
    case undefined:
    case 'always_on':
      return 1;
    case 'always_off':
      return 0;
    case 'traceidratio': {
      const share = Number(argument ?? '1');
      if (share >= 0 && share <= 1) return share;
      problems.push('OTEL_TRACES_SAMPLER_ARG: must be from 0 to 1');
      return 0;
    }
    default:
      problems.push('OTEL_TRACES_SAMPLER: must be always_on, always_off or traceidratio, with or without parentbased_');
      return 0;
  }
};
