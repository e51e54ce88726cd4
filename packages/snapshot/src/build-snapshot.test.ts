import { type AgentContent, maxMemoryBytes, type SnapshotRequirements } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { project, requiring } from '../test/memory-project.ts';
import { limits } from '../test/sealed.ts';
import { type BuildDeps, buildSnapshot } from './build-snapshot.ts';
import { encodeEnvelope } from './envelope.ts';
import { hydrate } from './hydrate.ts';
import { encodePart } from './part-codec.ts';
import { verifySnapshot } from './verify-snapshot.ts';

const build = (deps: BuildDeps, requirements: SnapshotRequirements, versions: { [agentId: string]: string }) =>
  buildSnapshot(deps, { tenant: 'default', requirements, versions });
const names = (built: Awaited<ReturnType<typeof build>>) =>
  built.manifest.parts.map(({ kind, name }) => `${kind} ${name.replace(/@sha256.*/, '')}`);

describe('building a snapshot', () => {
  test('takes what the agents need, sub-agents included, and nothing else', async () => {
    const { deps, put, agent, memory } = project();
    const soul = put('soul', { id: 'calm', name: '', description: '', content: '' });
    const skill = put('skill', { name: 'dig', description: '', body: '', metadata: {}, files: [] });
    put('skill', { name: 'unused', description: '', body: '', metadata: {}, files: [] });
    agent('unused');
    const sub = agent('sub', { soul });
    const main = agent('main', { skills: { dig: skill }, subAgents: { sub } });
    memory.push(
      { scope: 'global', revision: 1, text: 'g' },
      { scope: 'dag/d', revision: 2, text: 'd' },
      { scope: 'dag/e', revision: 1, text: '' },
    );
    const built = await build(deps, requiring(['main'], { global: true, dags: ['d'] }), { main });
    expect(names(built)).toEqual([
      'agent main',
      'agent sub',
      'model m',
      'soul calm',
      'skill dig',
      'tools tools',
      'memory dag/d',
      'memory global',
    ]);
    const envelope = encodeEnvelope(built.manifest, built.parts, deps.limits);
    const stores = hydrate(verifySnapshot(deps, built.digest, { envelope }), deps.limits);
    expect(stores.agent('main', main).subAgents).toEqual({ sub });
    expect(stores.skill(skill).name).toBe('dig');
    expect(stores.memory().map(({ text }) => text)).toEqual(['d', 'g']);
  });

  test('takes no memory that was not opted in to, and cuts what is too long with a mark', async () => {
    const { deps, agent, memory } = project();
    memory.push(
      { scope: 'global', revision: 1, text: 'ü'.repeat(maxMemoryBytes) },
      { scope: 'agent/main', revision: 1, text: 'own' },
    );
    const versions = { main: agent('main') };
    expect(names(await build(deps, requiring(['main']), versions))).toEqual(['agent main', 'model m', 'tools tools']);
    const built = await build(deps, requiring(['main'], { global: true }), versions);
    const envelope = encodeEnvelope(built.manifest, built.parts, deps.limits);
    const [view] = hydrate(verifySnapshot(deps, built.digest, { envelope }), deps.limits).memory();
    expect(view?.text).toContain(`[memory cut: ${maxMemoryBytes} of ${2 * maxMemoryBytes} bytes shown]`);
    expect(view?.text).not.toContain('\ufffd');
  });

  test('has the same digest and bytes each time, and another after any change', async () => {
    const { deps, agent } = project();
    const [one, two] = [agent('main'), agent('main', { instructions: 'other' })];
    const first = await build(deps, requiring(['main']), { main: one });
    expect(await build(deps, requiring(['main']), { main: one })).toEqual(first);
    expect((await build(deps, requiring(['main']), { main: two })).digest).not.toBe(first.digest);
  });

  test('names everything that is missing and who asked for it', async () => {
    const { deps, agent } = project();
    const gone = 'sha256:'.padEnd(71, '0');
    const main = agent('main', {
      model: gone,
      tools: gone,
      soul: gone,
      skills: { dig: gone },
      subAgents: { sub: gone },
    });
    const building = build(deps, requiring(['main', 'other', 'third']), { main, third: gone });
    await expect(building).rejects.toMatchObject({ code: 'not_found' });
    const problems = await building.catch(
      (thrown: { details: { problems: { message: string }[] } }) => thrown.details.problems,
    );
    expect((problems as { message: string }[]).map(({ message }) => message)).toEqual([
      'step "use-other" of DAG "d" asks for the agent "other", which has no active version (make one active: skein apply --activate, or skein versions activate)',
      `agent "main" (of step "use-main" of DAG "d") needs the model ${gone}, which does not exist`,
      `agent "main" (of step "use-main" of DAG "d") needs the tools ${gone}, which does not exist`,
      `agent "main" (of step "use-main" of DAG "d") needs the soul ${gone}, which does not exist`,
      `agent "main" (of step "use-main" of DAG "d") needs the skill "dig" ${gone}, which does not exist`,
      `step "use-third" of DAG "d" asks for the agent "third" in version ${gone}, which does not exist`,
      `agent "main" (of step "use-main" of DAG "d") asks for the agent "sub" in version ${gone}, which does not exist`,
    ]);
  });

  test('says of each part which steps ask for it, in walk order, also through the agents that bring it', async () => {
    const { deps, put, agent, memory } = project();
    const soul = put('soul', { id: 'calm', name: '', description: '', content: '' });
    const deep = agent('deep', { soul });
    const sub = agent('sub', { subAgents: { deep } });
    const versions = { ann: agent('ann', { subAgents: { sub } }), bob: agent('bob', { subAgents: { deep } }) };
    memory.push({ scope: 'global', revision: 7, text: 'g' }, { scope: 'dag/d', revision: 1, text: 'd' });
    const requirements: SnapshotRequirements = {
      agents: [
        { agentId: 'ann', askedBy: 'step "3"', steps: ['d/3', 'd/5', 'd/6'] },
        { agentId: 'bob', askedBy: 'step "1"', steps: ['d/1', 'd/2', 'd/4'] },
      ],
      memory: { global: true, dags: ['d'], agents: [], steps: { global: ['d/2', 'd/3'], 'dag/d': ['d/3'] } },
      calls: {},
      askers: ['d/1', 'd/2', 'd/3', 'd/4', 'd/5', 'd/6'],
    };
    const built = await build(deps, requirements, versions);
    const askers = built.manifest.parts.map(({ kind, name, askedBy }) => [
      `${kind} ${name.replace(/@.*/, '')}`,
      askedBy,
    ]);
    expect(Object.fromEntries(askers)).toEqual({
      'agent ann': ['d/3', 'd/5', 'd/6'],
      'agent bob': ['d/1', 'd/2', 'd/4'],
      'agent deep': ['d/1', 'd/2', 'd/3', 'd/4'],
      'agent sub': ['d/3', 'd/5', 'd/6'],
      'model m': ['d/1', 'd/2', 'd/3', 'd/4'],
      'soul calm': ['d/1', 'd/2', 'd/3', 'd/4'],
      'tools tools': ['d/1', 'd/2', 'd/3', 'd/4'],
      'memory dag/d': ['d/3'],
      'memory global': ['d/2', 'd/3'],
    });
    expect(built.memory).toEqual({ global: 7, 'dag/d': 1 });
  });

  test('needs only the stores that the requirements need, and names one that is not there', async () => {
    const { deps, agent, memory } = project();
    const versions = { main: agent('main') };
    memory.push({ scope: 'dag/d', revision: 1, text: 'd' });
    const without = (...names: readonly (keyof BuildDeps['projects'])[]): BuildDeps => ({
      ...deps,
      projects: Object.fromEntries(Object.entries(deps.projects).filter(([name]) => !names.includes(name as never))),
    });
    expect(names(await build(without('readMemory'), requiring(['main']), versions))).toContain('agent main');
    const remembering = requiring(['main'], { dags: ['d'], steps: { 'dag/d': ['d/use-main'] } });
    const failing: readonly (readonly [BuildDeps, string])[] = [
      [without('readMemory'), 'd/use-main reads the memory "dag/d", but there is no memory store'],
      [without('findVersion'), 'step "use-main" of DAG "d" asks for the agent "main", but there is no agent store'],
      [without('readPart'), 'agent "main" (of step "use-main" of DAG "d") needs the model'],
    ];
    for (const [lacking, message] of failing) {
      const building = build(lacking, remembering, versions);
      await expect(building).rejects.toMatchObject({ code: 'not_found' });
      await expect(building).rejects.toThrow(message);
    }
  });

  test('lets others have their turn while it reads and compresses large parts, and is the same snapshot', async () => {
    const { deps, put, agent } = project();
    const skills = Object.fromEntries(
      ['a', 'b', 'c'].map((name) => {
        const body = `${name} of many `.repeat(150_000);
        return [name, put('skill', { name, description: '', body, metadata: {}, files: [] })];
      }),
    );
    const main = agent('main', { skills });
    let pauses = 0;
    const pause = async (): Promise<void> => {
      pauses += 1;
    };
    const built = await build({ ...deps, pause }, requiring(['main']), { main });
    // One for each large part, and one for each slice but the first of what has to be compressed to know whether it fits.
    expect(pauses).toBeGreaterThan(3 + 4_300_000 / (128 * 1024));
    expect(built.digest).toBe((await build(deps, requiring(['main']), { main })).digest);
  });

  test('is refused for a DAG without agents, which has no snapshot', async () => {
    await expect(build(project().deps, requiring([]), {})).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test('carries two frozen contents of one model name side by side', async () => {
    const { deps, put, agent, model } = project();
    const newer = put('model', { id: 'm', provider: 'offline', model: 'rules-2', parameters: {} });
    const versions = { a: agent('a'), b: agent('b', { model: newer }) };
    const built = await build(deps, requiring(['a', 'b']), versions);
    expect(built.manifest.parts.filter(({ name }) => name === 'm').map(({ digest }) => digest)).toEqual(
      [model, newer].sort(),
    );
  });

  test('refuses a store whose bytes are not what it says', async () => {
    const { deps, parts, agents, agent, model } = project();
    const main = agent('main');
    const content = agents.get(`main@${main}`) as AgentContent;
    agents.set(`main@${main}`, { ...content, instructions: 'changed' });
    await expect(build(deps, requiring(['main']), { main })).rejects.toMatchObject({ code: 'digest_mismatch' });
    agents.set(`main@${main}`, content);
    parts.set(model, encodePart('model', { id: 'm', provider: 'offline', model: 'changed', parameters: {} }));
    await expect(build(deps, requiring(['main']), { main })).rejects.toMatchObject({ code: 'digest_mismatch' });
  });

  test('is not built of what a worker would refuse to read', async () => {
    const { deps, put, agent } = project();
    const soul = put('soul', { id: 'x'.repeat(513), name: '', description: '', content: '' });
    const main = agent('main', { soul });
    await expect(build(deps, requiring(['main']), { main })).rejects.toMatchObject({
      code: 'snapshot_invalid',
      details: { reason: 'bad_manifest' },
    });
  });

  test('takes no memory that was not asked for, whatever the store answers (S4)', async () => {
    const { deps, agent, memory } = project();
    const main = agent('main');
    const view = (scope: string) => ({ scope, revision: 1, text: scope });
    memory.push(view('global'), view('dag/daily'), view('dag/other'), view('agent/main'));
    const leaky = { ...deps, projects: { ...deps.projects, readMemory: async () => memory } };
    const requirements = { ...requiring(['main']), memory: { global: false, dags: ['daily'], agents: [], steps: {} } };
    const built = await build(leaky, requirements, { main });
    expect(built.manifest.parts.filter(({ kind }) => kind === 'memory').map(({ name }) => name)).toEqual(['dag/daily']);
  });

  test.each([
    ['uncompressed', { maxBytes: 3_000 }],
    ['compressed', { maxCompressedBytes: 300 }],
  ])('over the limit %s fails with the largest parts', async (_name, limit) => {
    const { deps, put, agent } = project({ ...limits, ...limit });
    const soul = put('soul', { id: 'large', name: '', description: '', content: 'x y '.repeat(1_000) });
    const main = agent('main', { soul });
    const building = build(deps, requiring(['main']), { main });
    await expect(building).rejects.toMatchObject({
      code: 'too_large',
      details: { largest: [{ part: 'soul large' }, {}, {}, {}] },
    });
  });
});

describe('the stores of a snapshot', () => {
  test('hold nothing else, and refuse each write with the one typed error', async () => {
    const { deps, agent, model } = project();
    const main = agent('main');
    const built = await build(deps, requiring(['main']), { main });
    const stores = hydrate(
      verifySnapshot(deps, built.digest, { envelope: encodeEnvelope(built.manifest, built.parts, deps.limits) }),
      deps.limits,
    );
    const refusing = expect.objectContaining({ code: 'read_only' }) as Error;
    for (const write of ['writeAgent', 'writeModel', 'writeSoul', 'writeSkill', 'writeTools', 'writeMemory'] as const) {
      expect(() => stores[write]('x')).toThrow(refusing);
    }
    const missing = expect.objectContaining({ code: 'not_found' }) as Error;
    expect(() => stores.agent('other', main)).toThrow(missing);
    expect(() => stores.soul(model)).toThrow(missing);
    expect(() => stores.skill(model)).toThrow(missing);
    expect(() => stores.tools(model)).toThrow(missing);
    expect(() => Object.assign(stores.model(model).parameters, { x: 1 })).toThrow(TypeError);
    expect(() => (stores.memory() as unknown[]).push(1)).toThrow(TypeError);
  });
});
