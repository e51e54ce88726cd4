import { appendFile, cp, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, offlineModel } from '@skein/sdk';
import { environmentSecrets } from '@skein/telemetry';
import { createMemoryLog } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { composeCoordinator } from './compose.ts';
import type { Config } from './config.ts';
import { readPrivateFile } from './private-files.ts';

const example = fileURLToPath(new URL('../../../examples/release-notes', import.meta.url));

const setUp = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-compose-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const project = join(dir, 'project');
  await cp(example, project, { recursive: true });
  const dataDir = join(dir, 'data');
  const config: Config = {
    dataDir,
    http: { host: '127.0.0.1', port: 0 },
    grpc: { host: '127.0.0.1', port: 0 },
    adminTokenFile: join(dataDir, 'admin-token'),
    joinTokenFile: join(dataDir, 'join-token'),
    endpointFile: join(dataDir, 'endpoint.json'),
    project,
    autoModel: offlineModel,
    logLevel: 'silent',
    heartbeatMs: 1_500,
    leaseMs: 6_000,
    secrets: { values: environmentSecrets({}) },
    memoryPolicies: { global: 'review', dag: 'review', agent: 'auto' },
    foldIntervalMs: 30_000,
    snapshotRetentionMs: 3_600_000,
    runRetentionMs: 0,
    eventRetentionMs: 3_600_000,
    maxEvents: 1_000,
    advertise: [],
    setAsideDamaged: false,
  };
  /** One life of a coordinator, and what `use` made of it. */
  const live = async <T>(use: (client: ReturnType<typeof createClient>) => Promise<T>): Promise<T> => {
    const running = await composeCoordinator(config, createMemoryLog());
    try {
      const token = await readPrivateFile(config.adminTokenFile);
      return await use(createClient({ url: running.http, ...(token === undefined ? {} : { token }) }));
    } finally {
      await running.stop();
    }
  };
  return { config, project, live };
};

const active = async (client: ReturnType<typeof createClient>) =>
  Object.fromEntries((await client.agents.list()).map(({ agentId, activeAlias }) => [agentId, activeAlias]));

test('a start applies the project, activates what is new, and leaves a choice made by hand alone', async () => {
  const { project, live } = await setUp();
  expect(await live(active)).toEqual({ triager: 'v1', writer: 'v1' });
  await appendFile(join(project, 'agents/writer/INSTRUCTIONS.md'), '\nBe brief.\n');
  expect(await live(active)).toEqual({ triager: 'v1', writer: 'v2' });
  await live((client) => client.agents.activate('writer', 'v1'));
  expect(await live(active)).toEqual({ triager: 'v1', writer: 'v1' });
  await appendFile(join(project, 'agents/writer/INSTRUCTIONS.md'), '\nBe kind.\n');
  expect(await live(active)).toEqual({ triager: 'v1', writer: 'v3' });
});

test('what a start writes by itself is audited: first tokens once, the project each time', async () => {
  const { config, live } = await setUp();
  await live(active);
  const items = await live(async (client) => (await client.audit.list()).items);
  expect(items.map(({ action, outcome, details }) => ({ action, outcome, ...details }))).toEqual([
    { action: 'start.apply', outcome: 'done', dags: 1, agents: 2 },
    { action: 'start.apply', outcome: 'done', dags: 1, agents: 2 },
    { action: 'start.create_token', outcome: 'done', kind: 'join', name: 'default' },
    { action: 'start.create_token', outcome: 'done', kind: 'api', name: 'admin' },
  ]);
  expect(items.every(({ actor }) => actor.kind === 'system')).toBe(true);
  expect(JSON.stringify(items)).not.toContain(await readPrivateFile(config.adminTokenFile));
});

test('what a crash left as the endpoint is gone before the start is done', async () => {
  const { config, live } = await setUp();
  await live(active);
  await writeFile(config.endpointFile, '{"http":"http://127.0.0.1:1","grpc":"127.0.0.1:2","adminTokenFile":"x"}');
  const names = await live(() => readdir(config.dataDir));
  expect(names).not.toContain('endpoint.json');
});

test('an address in use is said plainly, and what was opened is closed again', async () => {
  const { config, live } = await setUp();
  await live(async (client) => {
    const port = Number(new URL(client.url).port);
    const dataDir = `${config.dataDir}-2`;
    const other: Config = {
      ...config,
      dataDir,
      adminTokenFile: join(dataDir, 'admin-token'),
      joinTokenFile: join(dataDir, 'join-token'),
      endpointFile: join(dataDir, 'endpoint.json'),
      http: { host: '127.0.0.1', port },
    };
    for (let time = 0; time < 2; time += 1) {
      await expect(composeCoordinator(other, createMemoryLog())).rejects.toThrow(`127.0.0.1:${port} (EADDRINUSE)`);
    }
    expect((await stat(other.dataDir)).mode & 0o777).toBe(0o700);
  });
});
