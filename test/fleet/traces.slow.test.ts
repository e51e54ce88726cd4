import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OtlpReceiver } from '../e2e/otlp-receiver.ts';
import { eventually, folderWith } from '../e2e/stack.ts';
import { FleetStack, patienceMs } from './fleet-stack.ts';

const receiver = await new OtlpReceiver().listen();
const places = folderWith({});
const gate = join(places, 'gate');
const project = folderWith({
  'skein.yaml': 'name: held\n',
  'dags/held.yaml': `name: held\nsteps:\n  - { id: hold, command: 'until [ -e ${gate} ]; do sleep 0.05; done' }\n`,
});
let fleet: FleetStack;

beforeAll(async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  fleet = await FleetStack.start({ project, coordinators: 2, schedulers: 0, workers: 1, env });
}, patienceMs);

afterAll(async () => {
  await fleet?.stop();
  await receiver.close();
  for (const each of [project, places]) rmSync(each, { recursive: true, force: true });
}, patienceMs);

test('a run that another coordinator goes on with has one trace, which that one ends', async () => {
  const [first, second] = fleet.coordinators;
  if (first === undefined || second === undefined) throw new Error('there are two');
  const { run: submitted } = await fleet.clientOf(first).runs.submit({ dag: 'held' });
  const { runId } = submitted;
  await eventually(
    'the step runs, and the request was told of',
    async () =>
      (await fleet.clientOf(first).runs.get(runId)).steps[0]?.status === 'running' &&
      receiver.named('POST /api/runs').length > 0,
    patienceMs,
  );
  await first.kill();
  writeFileSync(gate, '');
  const client = fleet.clientOf(second);
  await eventually(
    'the run ends',
    async () => (await client.runs.get(runId).catch(() => undefined))?.status === 'succeeded',
    patienceMs,
  );
  await eventually('the span of the run', () => receiver.named('run held').length > 0, patienceMs);
  const [run] = receiver.named('run held');
  const [request] = receiver.named('POST /api/runs');
  expect(run?.attributes).toMatchObject({ 'skein.run_id': runId, 'skein.coordinator_id': second.name });
  expect(run?.parentSpanId).toBe(request?.spanId);
  const isEnded = () => receiver.named('execute hold').some(({ isError }) => !isError);
  await eventually('the span of the execution', isEnded, patienceMs);
  // On a busy machine the lease may have been lost meanwhile: then there are two, in the same trace.
  const below = ['task hold', 'execute hold'].flatMap((name) => receiver.named(name));
  expect(new Set(below.map(({ traceId }) => traceId))).toEqual(new Set([run?.traceId]));
  const tasks = receiver.named('task hold');
  expect(tasks.every(({ parentSpanId }) => parentSpanId === run?.spanId)).toBe(true);
  const last = receiver.named('execute hold').find(({ isError }) => !isError);
  expect(tasks.map(({ spanId }) => spanId)).toContain(last?.parentSpanId);
  expect(receiver.named('run held')).toHaveLength(1);
});
