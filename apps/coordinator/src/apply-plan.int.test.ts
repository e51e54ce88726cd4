import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, offlineModel, readProjectFolder } from '@skein/sdk';
import { environmentSecrets } from '@skein/telemetry';
import { createMemoryLog } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { composeCoordinator } from './compose.ts';
import { readPrivateFile } from './private-files.ts';

const example = fileURLToPath(new URL('../../../examples/release-notes', import.meta.url));

/** A coordinator on a database of its own, and a project of its own. */
const setUp = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-plan-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const project = join(dir, 'project');
  await cp(example, project, { recursive: true });
  const dataDir = join(dir, 'data');
  const adminTokenFile = join(dataDir, 'admin-token');
  const running = await composeCoordinator(
    {
      dataDir,
      http: { host: '127.0.0.1', port: 0 },
      grpc: { host: '127.0.0.1', port: 0 },
      adminTokenFile,
      joinTokenFile: join(dataDir, 'join-token'),
      endpointFile: join(dataDir, 'endpoint.json'),
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
    },
    createMemoryLog(),
  );
  onTestFinished(() => running.stop());
  const client = createClient({ url: running.http, token: (await readPrivateFile(adminTokenFile)) ?? '' });
  const apply = async (options: { activate?: boolean; candidate?: boolean; dryRun?: boolean }) =>
    client.apply({ files: await readProjectFolder(project), autoModel: offlineModel, ...options });
  return { project, client, apply };
};

test('a plan says of a new project that all of it is created, and a dry run creates nothing', async () => {
  const { client, apply } = await setUp();
  const dry = await apply({ activate: true, dryRun: true });
  expect(await client.agents.list()).toEqual([]);
  const real = await apply({ activate: true });
  expect(real.plan).toEqual(dry.plan);
  expect({ ...real, dryRun: true }).toEqual(dry);
  expect(
    real.plan.agents.map(({ agentId, change, version, active }) => ({ agentId, change, version, active })),
  ).toEqual(
    ['triager', 'writer'].map((agentId) => ({
      agentId,
      change: 'created',
      version: { after: 'v1' },
      active: { after: 'v1' },
    })),
  );
  expect(real.plan.dags).toMatchObject([{ name: 'release-notes', change: 'created', steps: { removed: [] } }]);
  expect(real.plan.memory.map(({ scope, change }) => `${scope} ${change}`).toSorted()).toEqual([
    'dag/release-notes seeded',
    'global seeded',
  ]);
  const again = await apply({ activate: true });
  expect(again.plan.agents.map(({ change, changes }) => [change, changes])).toEqual([
    ['unchanged', []],
    ['unchanged', []],
  ]);
  expect(again.plan.memory.map(({ change }) => change)).toEqual(['kept', 'kept']);
});

test('a plan shows what changed in which agent, part and step, and a candidate is not active', async () => {
  const { client, apply, project } = await setUp();
  await apply({ activate: true });
  await appendFile(join(project, 'agents/writer/INSTRUCTIONS.md'), '\nBe brief.\n');
  await appendFile(join(project, 'skills/release-notes/SKILL.md'), '\nOne line for each change.\n');
  await appendFile(join(project, 'dags/release-notes.yaml'), '  - id: extra\n    command: echo extra\n');
  const { plan } = await apply({ candidate: true, dryRun: true });
  expect((await apply({ candidate: true })).plan).toEqual(plan);
  const [triager, writer] = plan.agents;
  expect(triager).toMatchObject({ change: 'unchanged', candidate: {} });
  expect(writer).toMatchObject({
    change: 'updated',
    version: { before: 'v1', after: 'v2' },
    active: { before: 'v1', after: 'v1' },
    candidate: { after: 'v2' },
    changes: [{ path: 'instructions' }, { path: 'skills/release-notes/SKILL.md' }],
  });
  expect(writer?.changes[0]?.lines).toContain('+Be brief.');
  expect(plan.parts).toEqual([{ kind: 'skill', name: 'release-notes', change: 'changed', agents: ['writer'] }]);
  expect(plan.dags).toMatchObject([{ change: 'updated', steps: { added: ['extra'], removed: [], changed: [] } }]);
  const listed = (await client.agents.list()).find(({ agentId }) => agentId === 'writer');
  expect(listed).toMatchObject({ activeAlias: 'v1', candidateAlias: 'v2' });

  const { from, to, changes } = await client.agents.diff('writer', 'v1', 'v2');
  expect([from.alias, to.alias, changes.map(({ path }) => path)]).toEqual([
    'v1',
    'v2',
    ['instructions', 'skills/release-notes/SKILL.md'],
  ]);
  const prefix = to.versionId.slice('sha256:'.length, 'sha256:'.length + 8);
  expect((await client.agents.diff('writer', 'v1', prefix)).to).toEqual(to);
  expect((await client.agents.activate('writer', prefix)).alias).toBe('v2');
  await expect(client.agents.diff('writer', 'v1', 'v9')).rejects.toMatchObject({ code: 'not_found' });
  await expect(client.agents.versions('nobody')).rejects.toMatchObject({ code: 'not_found' });
  await expect(apply({ candidate: true, activate: true })).rejects.toMatchObject({ code: 'invalid_argument' });
});
