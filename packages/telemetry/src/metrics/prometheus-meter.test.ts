import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { metricDeclarations } from './metric-names.ts';
import { createPrometheusMeter } from './prometheus-meter.ts';

test('shows counters, gauges and histograms in the text format', async () => {
  const meter = createPrometheusMeter();
  meter.count('skein_http_requests_total', 2, { method: 'GET', route: '/api/runs', status: '200' });
  meter.gauge('skein_http_event_streams', 3);
  meter.observe('skein_http_request_seconds', 0.002, { method: 'GET', route: '/api/runs' });
  const text = await meter.text();
  expect(text).toContain('skein_http_requests_total{method="GET",route="/api/runs",status="200"} 2');
  expect(text).toContain('skein_http_event_streams 3');
  expect(text).toContain('skein_http_request_seconds_bucket{le="0.0025",method="GET",route="/api/runs"} 1');
});

test('leaves out undeclared names, undeclared labels, wrong kinds and wrong values', async () => {
  const meter = createPrometheusMeter();
  meter.count('skein_nobody_declared_this_total');
  meter.count('skein_http_requests_total', -1);
  meter.gauge('skein_http_requests_total', 1);
  meter.observe('skein_http_request_seconds', Number.NaN);
  meter.count('skein_http_requests_total', 1, { method: 'GET', canary: 'x' });
  const text = await meter.text();
  expect(text).not.toContain('nobody');
  expect(text).not.toContain('canary');
  expect(text).toContain('skein_http_requests_total{method="GET"} 1');
});

test('a coordinator serves every metric that is declared, but for those of workers', async () => {
  const text = await createPrometheusMeter({ part: 'coordinator' }).text();
  const served = [...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name);
  const wanted = Object.entries(metricDeclarations).filter(([, { of }]) => of === undefined);
  expect(served.toSorted()).toEqual(wanted.map(([name]) => name).toSorted());
  expect(served).not.toContain('skein_worker_running_tasks');
});

test('every metric that the code names is declared', () => {
  const root = new URL('../../../', import.meta.url);
  const used = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(
      (path) =>
        /^[^/]+\/src\/.*\.ts$/.test(path) && !path.endsWith('.test.ts') && !/generated|^telemetry|^testkit/.test(path),
    )
    .flatMap((path) => {
      const text = readFileSync(new URL(path, root), 'utf8');
      return [...text.matchAll(/'(skein_[a-z_]+)'/g)].map((match) => `${path}: ${match[1]}`);
    });
  const undeclared = used.filter((use) => !((use.split(': ')[1] ?? '') in metricDeclarations));
  expect(undeclared).toEqual([]);
});
