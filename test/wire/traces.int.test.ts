import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, readProjectFolder, type SkeinClient } from '@skein/sdk';
import { freePort } from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OtlpReceiver, type ReceivedSpan } from '../e2e/otlp-receiver.ts';
import { eventually, folderWith } from '../e2e/stack.ts';
import { FleetProcess } from '../fleet/fleet-process.ts';

const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const secret = 'hunter2-is-in-no-span';

const project = (url: string): string =>
  folderWith({
    'skein.yaml': 'name: traced\n',
    'models/local.yaml': 'provider: offline\nmodel: rules-1\n',
    'agents/helper/agent.yaml': `model: local\ntools: { allow: [bash], bash: { allow: ['[^]*'] } }\n`,
    'agents/helper/INSTRUCTIONS.md': `You help. ${secret}\n`,
    'dags/traced.yaml': `name: traced
steps:
  - id: flaky
    command: |
      echo "at=$TRACEPARENT" >> "$SKEIN_OUTPUT"
      echo ${secret}
      [ "$SKEIN_ATTEMPT" -gt 1 ]
    retry_policy: { limit: 1, interval_sec: 1 }
  - id: hook
    http: { method: POST, url: "${url}/hook", body: { note: "${secret}" } }
  - id: think
    type: agent
    agent: helper
    prompt: |
      Do this. ${secret}
      \`\`\`task
      { "task": "call", "tool": "bash", "input": { "command": "echo $TRACEPARENT ${secret}" } }
      \`\`\`
  - { id: below, call: inner, depends: [flaky] }
---
name: inner
steps:
  - { id: last, command: "true" }
`,
    'dags/inner-alone.yaml': 'name: inner-alone\nsteps:\n  - { id: last, command: "true" }\n',
  });

const receiver = await new OtlpReceiver().listen();
const data = folderWith({});
const folder = project(receiver.url);
const ports = { http: await freePort(), grpc: await freePort() };
const tokens = {
  SKEIN_ADMIN_TOKEN: `skt_${randomBytes(24).toString('hex')}`,
  SKEIN_JOIN_TOKEN: `skt_${randomBytes(24).toString('hex')}`,
};
const traces = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
const coordinator = new FleetProcess('coordinator', 'c1', {
  ...tokens,
  ...traces,
  SKEIN_DATA: join(data, 'store'),
  SKEIN_HTTP: `127.0.0.1:${ports.http}`,
  SKEIN_GRPC: `127.0.0.1:${ports.grpc}`,
});
const worker = new FleetProcess('worker', 'w1', {
  ...traces,
  SKEIN_COORDINATOR: `127.0.0.1:${ports.grpc}`,
  SKEIN_JOIN_TOKEN: tokens.SKEIN_JOIN_TOKEN,
  SKEIN_WORK_DIR: join(data, 'work'),
  SKEIN_HTTP_ALLOW: '127.0.0.1',
});
const url = `http://127.0.0.1:${ports.http}`;
const client: SkeinClient = createClient({ url, token: tokens.SKEIN_ADMIN_TOKEN, retry: { attempts: 1 } });

const ready = () =>
  eventually('the coordinator is ready', async () => {
    if (!coordinator.isRunning) throw new Error(coordinator.output);
    return (await client.readiness().catch(() => undefined))?.status === 'ready';
  });

const submit = async (dag: string, traceparent?: string): Promise<string> => {
  const answer = await fetch(`${url}/api/runs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tokens.SKEIN_ADMIN_TOKEN}`,
      'content-type': 'application/json',
      ...(traceparent === undefined ? {} : { traceparent }),
    },
    body: JSON.stringify({ dag }),
  });
  return ((await answer.json()) as { readonly runId: string }).runId;
};

const ended = (runId: string) =>
  eventually('the run ends', async () => {
    const run = await client.runs.get(runId).catch(() => undefined);
    return run?.finishedAt === undefined ? undefined : run;
  });

const spanOfRun = (runId: string): Promise<ReceivedSpan> =>
  eventually('the span of the run', () =>
    receiver.spans.find(({ name, attributes }) => name.startsWith('run ') && attributes['skein.run_id'] === runId),
  );

beforeAll(async () => {
  coordinator.start();
  await ready();
  const files = await readProjectFolder(folder);
  // A connection that was idle while this process stood still is closed by the other side.
  await eventually('the project is applied', () => client.apply({ files, activate: true }).catch(() => undefined));
  worker.start();
  await eventually('the worker joins', async () => (await client.workers.list().catch(() => [])).length === 1);
});

afterAll(async () => {
  await worker.stop();
  await coordinator.stop();
  await receiver.close();
  for (const each of [folder, data]) rmSync(each, { recursive: true, force: true });
});

test('a run is one trace over all processes, from the request to the tools of its agents', async () => {
  const runId = await submit('traced', `00-${caller.traceId}-${caller.spanId}-01`);
  const run = await ended(runId);
  expect(run.status, JSON.stringify(run)).toBe('succeeded');
  const { traceId } = await spanOfRun(runId);
  expect(traceId).toBe(caller.traceId);
  const expected = [
    'skein-coordinator: POST /api/runs below elsewhere',
    'skein-coordinator: call below below run traced',
    'skein-coordinator: run inner below call below',
    'skein-coordinator: run traced below POST /api/runs',
    'skein-coordinator: task flaky below run traced',
    'skein-coordinator: task flaky below run traced',
    'skein-coordinator: task hook below run traced',
    'skein-coordinator: task last below run inner',
    'skein-coordinator: task think below run traced',
    'skein-worker: chat rules-1 below invoke_agent helper',
    'skein-worker: chat rules-1 below invoke_agent helper',
    'skein-worker: execute flaky below task flaky',
    'skein-worker: execute flaky below task flaky',
    'skein-worker: execute hook below task hook',
    'skein-worker: execute last below task last',
    'skein-worker: execute think below task think',
    'skein-worker: execute_tool bash below invoke_agent helper',
    'skein-worker: invoke_agent helper below execute think',
  ];
  await eventually('all spans', () => receiver.tree(traceId).length >= expected.length).catch(() => undefined);
  expect(receiver.tree(traceId)).toEqual(expected);
  expect(receiver.named('POST /api/runs')[0]?.parentSpanId).toBe(caller.spanId);

  const tasks = receiver.named('task flaky');
  const retried = (isError: boolean) =>
    tasks.filter((task) => task.isError === isError).map(({ events }) => events.includes('task.retry'));
  expect([retried(true), retried(false)]).toEqual([[true], [false]]);
  const executions = receiver.named('execute flaky');
  expect(new Set(executions.map(({ parentSpanId }) => parentSpanId))).toEqual(
    new Set(tasks.map(({ spanId }) => spanId)),
  );
  expect(new Set(tasks.map(({ spanId }) => spanId)).size).toBe(2);
  // What the command, the tool and the server were told of it.
  const [hook] = receiver.named('execute hook');
  expect(receiver.requests.find(({ path }) => path === '/hook')?.headers['traceparent']).toBe(
    `00-${traceId}-${hook?.spanId}-01`,
  );
  expect(run.steps.find(({ id }) => id === 'flaky')?.outputs['at']).toBe(
    `00-${traceId}-${executions.find(({ isError }) => !isError)?.spanId}-01`,
  );
  const [bash] = receiver.named('execute_tool bash');
  expect(JSON.stringify(run.steps.find(({ id }) => id === 'think')?.outputs)).toContain(
    `00-${traceId}-${bash?.spanId}-01`,
  );
  expect(receiver.text).not.toContain(secret);
});

test('a collector that is gone stops no run, and no end of a process', async () => {
  await receiver.close();
  const runId = await submit('inner-alone');
  expect((await ended(runId)).status).toBe('succeeded');
  expect(await worker.stop()).toBe(0);
  expect(await coordinator.stop()).toBe(0);
  expect(coordinator.output).toContain('spans cannot be sent');
});
