import type { AgentContent, Dag } from '@skein/domain';
import { dagDigest, maxMemoryBytes, ok, defaultTenant as tenant, versionIdOf } from '@skein/domain';
import type { ReadProject, StoredPart } from '@skein/ports';
import { encodePart } from '@skein/snapshot';
import { createNodeHasher, createScene, createSeededRandom, dagOf, type Scene, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';
import type { ApplyProject } from '../index.ts';

const hasher = createNodeHasher();

const part = <K extends StoredPart['kind']>(kind: K, name: string, content: Parameters<typeof encodePart<K>>[1]) => {
  const bytes = encodePart(kind, content);
  return { kind, name, digest: hasher.digest(bytes), bytes };
};
const model = part('model', 'plain', { id: 'plain', provider: 'offline', model: 'rules', parameters: {} });
const tools = part('tools', 'tools', { allow: [], bash: { allow: [], deny: [] }, servers: {} });
const skill = (body: string) =>
  part('skill', 'deploy', { name: 'deploy', description: '', body, metadata: {}, files: [] });

const agentOf = (agentId: string, instructions: string, skills: AgentContent['skills'] = {}) => {
  const content: AgentContent = {
    agentId,
    description: '',
    instructions,
    model: model.digest,
    skills,
    tools: tools.digest,
    limits: {},
    subAgents: {},
  };
  return { content, versionId: versionIdOf(content, hasher) };
};

const project = (changes: Partial<ReadProject> & { readonly plain?: readonly Dag[] }): ReadProject => ({
  dags: (changes.plain ?? []).map((dag) => ({ name: dag.name, digest: dagDigest(dag, hasher), dag, source: '' })),
  subDags: [],
  parts: [model, tools],
  agents: [],
  memory: [],
  warnings: [],
  ...changes,
});

/** A scene whose projects are what a test says next. */
const open = async () => {
  let next = project({});
  const scene = await createScene({ dags: [], deps: { projectReader: { read: () => ok(next) } } });
  const apply = (read: ReadProject, options: Partial<ApplyProject> = {}) => {
    next = read;
    return scene.coordinator.applyProject(tenant, {
      files: [],
      autoModel: { provider: 'offline', model: 'rules' },
      activate: false,
      dryRun: false,
      ...options,
    });
  };
  return { scene, apply };
};

const rolesOf = async (scene: Scene, agentId: string) => {
  const found = (await scene.coordinator.listAgents(tenant)).find((one) => one.agentId === agentId);
  return { active: found?.activeAlias, candidate: found?.candidateAlias };
};

test('a dry run tells what the apply then does, and what agents are afterwards, whatever was applied before', async () => {
  const random = createSeededRandom(20_261_130);
  const { scene, apply } = await open();
  for (let round = 0; round < 150; round += 1) {
    const agents = ['a', 'b', 'c']
      .filter(() => random.integer(3) > 0)
      .map((agentId) => agentOf(agentId, `text ${random.integer(4)}`));
    const options = [
      { activate: true },
      { activate: false },
      { activate: 'new' },
      { activate: false, candidate: true },
      { activate: 'new', candidate: true },
    ][random.integer(5)] as Partial<ApplyProject>;
    const read = project({
      agents,
      plain: [dagOf([stepOf(`s${random.integer(3)}`)], { name: 'daily' })],
      memory: random.integer(10) === 0 ? [{ scope: `dag/d${random.integer(4)}`, text: 'seed\n' }] : [],
    });
    const dry = await apply(read, { ...options, dryRun: true });
    const done = await apply(read, options);
    const place = `round ${round}: ${JSON.stringify(options)}`;
    expect({ ...done, dryRun: true }, place).toEqual(dry);
    for (const { agentId, active, candidate, version } of done.plan.agents) {
      const roles = await rolesOf(scene, agentId);
      expect([active.after, candidate.after], `${agentId} in ${place}`).toEqual([roles.active, roles.candidate]);
      expect((await scene.coordinator.listVersions(tenant, agentId)).map(({ alias }) => alias)).toContain(
        version.after,
      );
    }
    const again = await apply(read, { ...options, dryRun: true });
    expect(
      again.plan.agents.filter(
        ({ active, candidate }) => active.before !== active.after || candidate.before !== candidate.after,
      ),
      place,
    ).toEqual([]);
    expect(
      again.agents.filter(({ created, activated }) => created || activated),
      place,
    ).toEqual([]);
    expect(
      again.plan.dags.filter(({ change }) => change !== 'unchanged'),
      place,
    ).toEqual([]);
    expect(
      again.plan.memory.filter(({ change }) => change === 'seeded'),
      place,
    ).toEqual([]);
  }
  await scene.close();
});

test('applies at the same time each publish all that they say, and no version is lost', async () => {
  const { scene, apply } = await open();
  const versions = Array.from({ length: 12 }, (_, index) => agentOf('a', `text ${index % 6}`));
  const done = await Promise.all(versions.map((agent) => apply(project({ agents: [agent] }), { activate: true })));
  const stored = await scene.coordinator.listVersions(tenant, 'a');
  expect(stored.map(({ alias }) => alias)).toEqual(['v1', 'v2', 'v3', 'v4', 'v5', 'v6']);
  const aliases = new Map(stored.map(({ versionId, alias }) => [versionId, alias]));
  for (const { agents } of done) expect(agents[0]?.alias).toBe(aliases.get(agents[0]?.versionId ?? ''));
  await scene.close();
});

test('an agent without an active version gets one by `new`, though its version is there already', async () => {
  const { scene, apply } = await open();
  const read = project({ agents: [agentOf('a', 'x')] });
  await apply(read);
  expect((await rolesOf(scene, 'a')).active).toBeUndefined();
  expect((await apply(read, { activate: 'new' })).agents).toMatchObject([{ created: false, activated: true }]);
  expect((await rolesOf(scene, 'a')).active).toBe('v1');
  await scene.close();
});

test('two versions whose ids begin alike are told apart, or named both', async () => {
  const { scene, apply } = await open();
  const begin = (versionId: string) => versionId.slice(0, 'sha256:'.length + 6);
  const real = agentOf('a', 'x');
  const twin = { ...agentOf('a', 'y'), versionId: `${begin(real.versionId)}${'0'.repeat(58)}` };
  for (const one of [real, twin]) await apply(project({ agents: [one] }));
  const activate = (version: string) => scene.coordinator.activateVersion(tenant, 'a', version);
  await expect(activate(begin(real.versionId))).rejects.toMatchObject({
    code: 'invalid_argument',
    details: { reason: 'ambiguous', candidates: [`v1 ${real.versionId}`, `v2 ${twin.versionId}`] },
  });
  expect((await activate(twin.versionId.slice('sha256:'.length, 20))).alias).toBe('v2');
  await scene.close();
});

test('a seed is kept as memory keeps texts, and one that is too large for memory is refused before anything is published', async () => {
  const { scene, apply } = await open();
  const seed = (text: string) => project({ agents: [agentOf('a', 'x')], memory: [{ scope: 'global', text }] });
  for (const dryRun of [true, false]) {
    await expect(apply(seed('ü'.repeat(maxMemoryBytes / 2 + 1)), { dryRun })).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { problems: [{ field: 'global', code: 'too_large' }] },
    });
  }
  expect(await scene.coordinator.listAgents(tenant)).toEqual([]);
  await apply(seed('one\r\ntwo\u001b[31m\r\n'));
  expect((await scene.coordinator.readMemory(tenant, 'global')).text).toBe('one\ntwo[31m\n');
  await scene.close();
});

test('a change of one skill of a thousand agents is planned and published in a few seconds', async () => {
  const { scene, apply } = await open();
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} of a skill`);
  /** What is planned when agents with this skill are applied, and how long it takes, ms. */
  const timed = async (prefix: string, count: number, body: readonly string[]) => {
    const deploy = skill(body.join('\n'));
    const agents = Array.from({ length: count }, (_, index) =>
      agentOf(`${prefix}${index}`, 'x', { deploy: deploy.digest }),
    );
    const begin = performance.now();
    const { plan } = await apply(project({ agents, parts: [model, tools, deploy] }), { activate: true });
    return { plan, takenMs: performance.now() - begin };
  };
  // What grows with the square of the agents takes a hundred times as long for ten times as many. Again where the machine stood still.
  let share = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3 && share >= 40; round += 1) {
    const changed = lines.with(77, 'changed');
    await timed(`few${round}x`, 100, lines);
    const few = await timed(`few${round}x`, 100, changed);
    await timed(`many${round}x`, 1_000, lines);
    const { plan, takenMs } = await timed(`many${round}x`, 1_000, changed);
    share = takenMs / few.takenMs;
    console.info(`agents changed: 100 in ${few.takenMs.toFixed(0)} ms, 1,000 in ${takenMs.toFixed(0)} ms`);
    expect(plan.agents.every(({ change, changes }) => change === 'updated' && changes.length === 1)).toBe(true);
    expect(plan.agents[7]?.changes[0]?.lines).toContain('+changed');
    expect(plan.parts).toMatchObject([{ kind: 'skill', name: 'deploy', change: 'changed' }]);
  }
  expect(share).toBeLessThan(40);
  await scene.close();
}, 300_000);
