import {
  collectRequirements,
  type Dag,
  type Digest,
  dagDigest,
  type McpServer,
  type SnapshotLimits,
  type SnapshotRequirements,
  type Step,
} from '@skein/domain';
import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { formatTwo } from '../test/format-two.ts';
import { project, requiring } from '../test/memory-project.ts';
import { hasher, limits } from '../test/sealed.ts';
import { type BuiltSnapshot, buildSnapshot } from './build-snapshot.ts';
import { encodeEnvelope, snapshotFormats } from './envelope.ts';
import { gunzip, gzip } from './gzip.ts';
import { makeManifest, manifestBytes, missingParts } from './manifest.ts';
import { encodePart } from './part-codec.ts';
import { createSnapshotOpener, type SnapshotFetchers } from './snapshot-opener.ts';

const agentStep = (id: string, agent: string, read = false): Step =>
  stepOf(id, { action: { kind: 'agent', agent, prompt: '', limits: {}, memory: { read, propose: false } } });
const callStep = (id: string, dag: string): Step => stepOf(id, { action: { kind: 'call', dag } });
const collect = (dag: Dag, others: readonly Dag[] = []) =>
  collectRequirements(dag, {
    resolveDag: (name) => others.find((other) => other.name === name),
    digestOf: (one) => dagDigest(one, hasher),
  });
const required = (dag: Dag, others: readonly Dag[] = []): SnapshotRequirements => {
  const collected = collect(dag, others);
  if (!collected.ok) throw new Error(collected.error.map(({ message }) => message).join());
  return collected.value;
};
const build = (
  { deps }: ReturnType<typeof project>,
  requirements: SnapshotRequirements,
  versions: { readonly [agentId: string]: string },
) => buildSnapshot(deps, { tenant: 'default', requirements, versions });
const partsOf = ({ manifest }: BuiltSnapshot) =>
  manifest.parts.map(({ kind, name }) => `${kind} ${name.replace(/@.*/, '')}`);
const never: SnapshotFetchers = {
  fetchEnvelope: () => Promise.reject(new Error('fetched')),
  fetchPart: () => Promise.reject(new Error('fetched')),
};
const openerOf = (own: SnapshotLimits = limits) =>
  createSnapshotOpener({ hasher, limits: own, maxCacheBytes: 50_000_000 });
const open = ({ digest, manifest, parts }: BuiltSnapshot) =>
  openerOf().open({ digest, envelope: encodeEnvelope(manifest, parts, limits) }, never);

describe('unlike earlier designs', () => {
  test('a sub-DAG that cannot be resolved fails with the path to it, and nested agents are there', async () => {
    const world = project();
    const deep = dagOf([agentStep('z', 'zoe')], { name: 'deep' });
    const middle = dagOf([callStep('down', 'deep')], { name: 'middle' });
    const top = dagOf([callStep('go', 'middle'), agentStep('a', 'ann')], { name: 'top' });
    const collected = collect(top, [middle]);
    expect(collected.ok ? [] : collected.error.map(({ message }) => message)).toEqual([
      'step "down" of DAG "middle" (called by step "go" of DAG "top") calls the DAG "deep", which does not exist',
    ]);
    const sub = world.agent('sub');
    const versions = { ann: world.agent('ann', { subAgents: { sub } }), zoe: world.agent('zoe') };
    expect(partsOf(await build(world, required(top, [middle, deep]), versions))).toEqual(
      expect.arrayContaining(['agent ann', 'agent sub', 'agent zoe']),
    );
  });

  test('memory of a DAG that was visited, but whose own steps did not opt in, is not sent', async () => {
    const world = project();
    const view = (scope: string) => ({ scope, revision: 1, text: `notes of ${scope}` });
    world.memory.push(...['global', 'dag/top', 'dag/sub', 'agent/ann', 'agent/bob'].map(view));
    const sub = dagOf([agentStep('s', 'bob')], { name: 'sub' });
    const versions = { ann: world.agent('ann'), bob: world.agent('bob') };
    const memoryOf = async (reads: boolean) => {
      const top = dagOf([agentStep('t', 'ann', reads), callStep('c', 'sub')], { name: 'top' });
      const built = await build(world, required(top, [sub]), versions);
      return (await open(built)).memory().map(({ scope }) => scope);
    };
    expect(await memoryOf(true)).toEqual(['agent/ann', 'dag/top', 'global']);
    expect(await memoryOf(false)).toEqual([]);
  });

  test('a missing skill or soul fails the build, naming the step; none is skipped', async () => {
    const world = project();
    const gone = hasher.digest('gone');
    const ann = world.agent('ann', { soul: gone, skills: { deploy: gone } });
    const building = build(world, required(dagOf([agentStep('t', 'ann')], { name: 'top' })), { ann });
    await expect(building).rejects.toMatchObject({
      code: 'not_found',
      details: {
        problems: [
          { message: `agent "ann" (of step "t" of DAG "top") needs the soul ${gone}, which does not exist` },
          { message: `agent "ann" (of step "t" of DAG "top") needs the skill "deploy" ${gone}, which does not exist` },
        ],
      },
    });
  });

  test('decompression stops at the limit, whatever the bytes say', async () => {
    const bomb = gzip(new Uint8Array(2 * limits.maxBytes));
    expect(bomb.length).toBeLessThan(limits.maxCompressedBytes / 50);
    const opener = openerOf();
    await expect(opener.open({ digest: hasher.digest('x'), envelope: bomb }, never)).rejects.toMatchObject({
      code: 'too_large',
      details: { limit: limits.maxBytes, actual: limits.maxBytes + 1 },
    });
    expect(opener.held()).toEqual([]);
  });

  test('a store that nothing needs may be absent, and one that is needed is named', async () => {
    const world = project();
    const { readMemory: _, ...projects } = world.deps.projects;
    const lacking = { ...world, deps: { ...world.deps, projects } };
    const versions = { ann: world.agent('ann') };
    const dag = (reads: boolean) => required(dagOf([agentStep('t', 'ann', reads)], { name: 'top' }));
    expect(partsOf(await build(lacking, dag(false), versions))).toContain('agent ann');
    await expect(build(lacking, dag(true), versions)).rejects.toThrow('there is no memory store');
  });

  test('nobody changes a sealed or an opened snapshot by holding its bytes', async () => {
    const world = project();
    const skill = world.put('skill', {
      name: 'dig',
      description: '',
      body: 'x'.repeat(9_000),
      metadata: {},
      files: [],
    });
    const main = world.agent('main', { skills: { dig: skill } });
    const built = await build(world, requiring(['main']), { main });
    world.parts.get(skill)?.fill(0);
    const opener = openerOf();
    const envelope = encodeEnvelope(built.manifest, built.parts, limits);
    const stores = await opener.open({ digest: built.digest, envelope }, never);
    envelope.fill(0);
    built.parts.get(skill)?.fill(0);
    expect(stores.skill(skill).body).toBe('x'.repeat(9_000));
    expect((await opener.open({ digest: built.digest }, never)).skill(skill).body).toBe('x'.repeat(9_000));
    expect(() => Object.assign(stores.skill(skill), { body: 'changed' })).toThrow(TypeError);
  });

  test('only names of secrets travel: a part with a field for a value is refused', async () => {
    const world = project();
    const model = world.put('model', {
      id: 'paid',
      provider: 'openai',
      model: 'gpt-x',
      secretName: 'PROVIDER_KEY',
      parameters: {},
    });
    const main = world.agent('main', { model });
    const built = await build(world, requiring(['main']), { main });
    const content = gunzip(encodeEnvelope(built.manifest, built.parts, limits), limits.maxBytes);
    expect(new TextDecoder().decode(content)).toContain('"secretName":"PROVIDER_KEY"');
    for (const field of ['apiKey', 'api_key', 'secret', 'token']) {
      const leaky = { id: 'm', provider: 'openai', model: 'x', parameters: {}, [field]: 'sk-canary' } as const;
      const digest = world.put('model', leaky);
      const agent = world.agent('main', { model: digest });
      const building = build(world, requiring(['main']), { main: agent });
      await expect(building).rejects.toMatchObject({ details: { reason: 'bad_part' } });
      await expect(building).rejects.not.toThrow('sk-canary');
    }
  });

  test.each<[string, Partial<SnapshotLimits>]>([
    ['compressed', { maxCompressedBytes: 1_000 }],
    ['uncompressed', { maxBytes: 20_000 }],
    ['of a part', { maxPartBytes: 9_000 }],
    ['of a part that is JSON', { maxJsonPartBytes: 2_000 }],
    ['of files', { maxSkillFiles: 2 }],
    ['of paths', { maxPathBytes: 3 }],
    ['of depth', { maxJsonDepth: 2 }],
    ['of values', { maxJsonNodes: 40 }],
  ])('the limit %s is the same at build and at opening', async (_name, limit) => {
    const tight = { ...limits, ...limit };
    const noise = Array.from({ length: 600 }, (_, index) => hasher.digest(`${index}`).slice(7, 23)).join(' ');
    const fill = (world: ReturnType<typeof project>) => {
      const files = ['a.txt', 'b.txt', 'c.txt'].map(
        (path) => ({ path, mode: 0o644, encoding: 'utf8', content: 'x' }) as const,
      );
      const skill = world.put('skill', { name: 'dig', description: '', body: noise, metadata: {}, files });
      const soul = world.put('soul', { id: 's', name: '', description: '', content: 'y'.repeat(3_000) });
      const another = world.put('skill', { name: 'dag', description: '', body: noise, metadata: {}, files: [] });
      return { main: world.agent('main', { soul, skills: { dig: skill, dag: another } }) };
    };
    const wide = project(limits);
    const built = await build(wide, requiring(['main']), fill(wide));
    const narrow = project(tight);
    const refused = await build(narrow, requiring(['main']), fill(narrow)).catch((thrown: unknown) => thrown);
    const envelope = encodeEnvelope(built.manifest, built.parts, limits);
    const unopened = await openerOf(tight)
      .open({ digest: built.digest, envelope }, never)
      .catch((thrown: unknown) => thrown);
    const codeOf = (thrown: unknown) => (thrown as { code?: string }).code;
    expect(codeOf(refused)).toMatch(/too_large|snapshot_invalid/);
    expect(codeOf(unopened)).toBe(codeOf(refused));
  });

  test('only what a step can reach is shipped, however much the project has', async () => {
    const world = project();
    for (let index = 0; index < 20; index++) {
      const skill = world.put('skill', { name: `s${index}`, description: '', body: '', metadata: {}, files: [] });
      world.agent(`other-${index}`, { skills: { [`s${index}`]: skill } });
      world.memory.push({ scope: `dag/d${index}`, revision: 1, text: 'private' });
    }
    const built = await build(world, required(dagOf([agentStep('t', 'ann')], { name: 'top' })), {
      ann: world.agent('ann'),
    });
    expect(partsOf(built)).toEqual(['agent ann', 'model m', 'tools tools']);
  });

  test('DAGs come through a declared dependency, asked once for each name, and from nowhere else', () => {
    const asked: string[] = [];
    const sub = dagOf([agentStep('s', 'bob')], { name: 'sub' });
    const top = dagOf([callStep('a', 'sub'), callStep('b', 'sub'), callStep('c', 'none')], { name: 'top' });
    const walk = (found: Dag | undefined) =>
      collectRequirements(top, {
        resolveDag: (name) => {
          asked.push(name);
          return name === 'sub' ? found : undefined;
        },
        digestOf: (one) => dagDigest(one, hasher),
      });
    expect(walk(sub).ok).toBe(false);
    expect(asked).toEqual(['sub', 'none']);
    const lacking = walk(undefined);
    expect(lacking.ok ? [] : lacking.error).toHaveLength(3);
  });

  test('two DAGs of one name do not stand for each other', () => {
    const inline = dagOf([agentStep('i', 'inline')], { name: 'same' });
    const named = dagOf([agentStep('n', 'named')], { name: 'same' });
    const middle = dagOf([callStep('c', 'same')], { name: 'middle', subDags: { same: inline } });
    const top = dagOf([callStep('a', 'middle'), callStep('b', 'same')], { name: 'top' });
    expect(required(top, [named, middle]).agents.map(({ agentId }) => agentId)).toEqual(['inline', 'named']);
  });

  test('a part that is held is not packed again: a new line of memory sends itself only', async () => {
    const world = project();
    const skill = world.put('skill', {
      name: 'dig',
      description: '',
      body: 'x'.repeat(50_000),
      metadata: {},
      files: [],
    });
    const main = world.agent('main', { skills: { dig: skill } });
    const memory = { global: true, dags: [], agents: [], steps: {} };
    world.memory.push({ scope: 'global', revision: 1, text: 'one' });
    const first = await build(world, requiring(['main'], memory), { main });
    world.memory[0] = { scope: 'global', revision: 2, text: 'one\ntwo' };
    const second = await build(world, requiring(['main'], memory), { main });
    const lacking = missingParts(second.manifest, first.parts.keys());
    expect(second.manifest.parts.filter(({ digest }) => lacking.includes(digest)).map(({ kind }) => kind)).toEqual([
      'memory',
    ]);
    const opener = openerOf();
    await opener.open({ digest: first.digest, envelope: encodeEnvelope(first.manifest, first.parts, limits) }, never);
    const small = encodeEnvelope(second.manifest, second.parts, limits, lacking);
    expect((await opener.open({ digest: second.digest, envelope: small }, never)).memory()[0]?.text).toBe('one\ntwo');
  });

  test('another version is met when a worker joins, not by a task: the formats of both sides have a common one or a typed refusal', async () => {
    const world = project();
    const built = await build(world, requiring(['main']), { main: world.agent('main') });
    const two = formatTwo.encode(built.manifest, built.parts, limits);
    const rolling = createSnapshotOpener({
      hasher,
      limits,
      maxCacheBytes: 1_000_000,
      formats: [...snapshotFormats, formatTwo],
    });
    expect((await rolling.open({ digest: built.digest, envelope: two }, never)).digest).toBe(built.digest);
    await expect(openerOf().open({ digest: built.digest, envelope: two }, never)).rejects.toMatchObject({
      details: { reason: 'unknown_version', got: 2, known: [1] },
    });
  });

  test('an empty snapshot, or none, is refused; there is nothing else to fall back to', async () => {
    const empty = makeManifest([]);
    const digest = hasher.digest(manifestBytes(empty));
    const opener = openerOf();
    const envelope = encodeEnvelope(empty, new Map<Digest, Uint8Array>(), limits);
    await expect(opener.open({ digest, envelope }, never)).rejects.toMatchObject({
      details: { reason: 'bad_manifest' },
    });
    await expect(opener.open({ digest }, never)).rejects.toThrow('fetched');
    expect(opener.held()).toEqual([]);
    await expect(build(project(), requiring([]), {})).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test('tools, schemas, servers and files with their modes are there', async () => {
    const world = project();
    const schema = { type: 'object', properties: { label: { enum: ['a', 'b'] } } };
    const server: McpServer = {
      transport: { kind: 'http', url: 'http://127.0.0.1:1/mcp', headers: { authorization: 'Bearer ${secrets.MCP}' } },
      secrets: ['MCP'],
      pinned: [{ name: 'list', description: 'Lists.', inputSchema: schema }],
      startTimeoutMs: 1_000,
      callTimeoutMs: 2_000,
      maxResultBytes: 3_000,
    };
    const content = { allow: ['bash'], bash: { allow: ['git .*'], deny: ['push'] }, servers: { files: server } };
    const tools = world.put('tools', content);
    const files = [
      { path: 'logo.bin', mode: 0o644, encoding: 'base64', content: 'AAEC' },
      { path: 'scripts/run.sh', mode: 0o755, encoding: 'utf8', content: '#!/bin/sh\n' },
    ] as const;
    const skill = world.put('skill', { name: 'dig', description: '', body: '', metadata: {}, files });
    const main = world.agent('main', { tools, skills: { dig: skill }, outputSchema: schema });
    const stores = await open(await build(world, requiring(['main']), { main }));
    const agent = stores.agent('main', main);
    expect(agent.outputSchema).toEqual(schema);
    expect(stores.tools(agent.tools)).toEqual(content);
    expect(stores.skill(agent.skills['dig'] as Digest).files).toEqual(files);
    expect(encodePart('tools', stores.tools(agent.tools))).toEqual(world.parts.get(tools));
  });
});
