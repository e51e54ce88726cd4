import { expect, test } from 'vitest';
import { readTraceSettings } from './trace-settings.ts';

const read = (env: { readonly [name: string]: string }) => readTraceSettings(env);

test('without an endpoint, and when it is said, there are no traces', () => {
  const off = { ok: true, value: undefined };
  expect(read({})).toEqual(off);
  expect(read({ OTEL_SERVICE_NAME: 'mine' })).toEqual(off);
  expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', SKEIN_TRACES: '0' })).toEqual(off);
  expect(read({ SKEIN_TRACES: '1', OTEL_SDK_DISABLED: 'true' })).toEqual(off);
});

test('the endpoint is a base, or the whole URL for traces, or the usual one of a collector on this machine', () => {
  const urlOf = (env: { readonly [name: string]: string }) => {
    const settings = read(env);
    return settings.ok ? settings.value?.url : settings.error;
  };
  expect(urlOf({ SKEIN_TRACES: '1' })).toBe('http://localhost:4318/v1/traces');
  expect(urlOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.example/otlp/' })).toBe('https://c.example/otlp/v1/traces');
  expect(
    urlOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t:1/x' }),
  ).toBe('http://t:1/x');
});

test('headers, attributes and the share are read as OpenTelemetry says', () => {
  expect(
    read({
      SKEIN_TRACES: '1',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc,x=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x=2',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'skein-test',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    }),
  ).toEqual({
    ok: true,
    value: {
      url: 'http://localhost:4318/v1/traces',
      headers: { authorization: 'Bearer abc', x: '2' },
      service: 'skein-test',
      resource: { 'deployment.environment.name': 'test' },
      share: 0.25,
    },
  });
});

test('every variable that cannot be used is named, and no value of a header is', () => {
  const settings = read({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://c',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_HEADERS: 'secret-value-alone',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '7',
  });
  const said = settings.ok ? [] : settings.error;
  expect(said.map((line) => line.split(':')[0])).toEqual([
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_EXPORTER_OTLP_PROTOCOL',
    'OTEL_EXPORTER_OTLP_HEADERS',
    'OTEL_TRACES_SAMPLER_ARG',
  ]);
  expect(said.join()).not.toContain('secret-value');
  expect(read({ SKEIN_TRACES: 'yes' }).ok).toBe(false);
});
