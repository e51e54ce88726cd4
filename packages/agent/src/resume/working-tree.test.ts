import { DomainError, type JsonValue, type ToolsContent } from '@skein/domain';
import type { ToolCall } from '@skein/ports';
import {
  type CrashWorld,
  type CrashWorldChanges,
  createCrashWorld,
  createKillPoints,
  type TranscriptScript,
} from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const call = (tool: string, input: JsonValue, callId = `c-${tool}`): ToolCall => ({ callId, tool, input });
const write = (path: string) => call('write', { path, content: path }, `w-${path}`);
const read = (path: string) => call('read', { path }, `r-${path}`);

const worldOf = (
  turns: readonly (readonly ToolCall[])[],
  tools: Partial<ToolsContent> = {},
  changes: Partial<CrashWorldChanges> = {},
): CrashWorld => {
  const script: TranscriptScript = (_request, turn) =>
    turns[turn] === undefined ? { text: 'done' } : { toolCalls: turns[turn] };
  return createCrashWorld(createAgentExecutor, {
    scripts: { 'rules-1': script },
    parts: {
      tools: { allow: ['read', 'write', 'bash', 'think', 'remember'], bash: { allow: ['.*'], deny: [] }, ...tools },
    },
    ...changes,
  });
};

/** The entries of each record, in short: `turn 1`, `tool 1.0 write +tree`. */
const recordsOf = ({ step }: CrashWorld) =>
  step.records.map((entries) =>
    entries.map((entry) => {
      if (entry.type === 'turn') return `turn ${entry.turn}`;
      if (entry.type !== 'tool') return entry.type;
      return `tool ${entry.turn}.${entry.index} ${entry.tool}${entry.tree === undefined ? '' : ' +tree'}`;
    }),
  );

describe('the working tree', () => {
  /** An attempt that died after a file was written and recorded. */
  const halfDone = async (): Promise<CrashWorld> => {
    const world = worldOf([[write('a')], [read('a')]]);
    await world.attempt(createKillPoints('before read'));
    expect(recordsOf(world)).toEqual([['turn 1'], ['tool 1.0 write +tree']]);
    return world;
  };

  test('is restored before anything goes on', async () => {
    const world = await halfDone();
    const { result, files, logged } = await world.attempt();
    expect(result?.outcome).toEqual({ status: 'succeeded' });
    expect([...files]).toEqual([['a', 'a']]);
    expect(logged).toContain('[skein] goes on after turn 1');
    expect(JSON.stringify(world.step.log.at(-2))).toContain('"text":"a"');
  });

  const expectRestart = async (world: CrashWorld, reason: string) => {
    const before = world.step.log.length;
    const { result, logged, requests } = await world.attempt();
    expect(world.step.log[before]).toEqual({ type: 'restart', reason: expect.stringContaining(reason) });
    expect(logged).toContain('[skein] begins again at turn 0: ');
    expect(result?.outcome).toEqual({ status: 'succeeded' });
    expect(requests[0]?.messages).toHaveLength(1);
    expect(world.step.entries()[0]).toMatchObject({ type: 'turn', turn: 1 });
  };

  test('that is gone makes the attempt begin at turn 0, and the log says why', async () => {
    const world = await halfDone();
    world.step.trees.clear();
    await expectRestart(world, 'not_found');
  });

  test('that is damaged makes it begin at turn 0', async () => {
    const world = await halfDone();
    for (const digest of world.step.trees.keys()) world.step.trees.set(digest, '[]');
    await expectRestart(world, 'digest_mismatch');
  });

  test('a body that is gone makes it begin at turn 0', async () => {
    const world = worldOf([[write('a')], [read('a')]], {}, { inlineLimit: 10 });
    await world.attempt(createKillPoints('before read'));
    world.step.blobs.clear();
    await expectRestart(world, 'not_found');
  });

  test('that could not be kept is said, costs the next attempt its checkpoint, and not this one its success', async () => {
    const world = worldOf([[write('a')], [read('a')]]);
    const tooLarge = () => {
      throw new DomainError('too_large', 'the tree is too large', { limit: 1 });
    };
    await world.attempt(createKillPoints('before read'), { onCapture: tooLarge });
    expect(world.step.log.at(-1)).toMatchObject({ type: 'tool', treeLost: 'too_large: the tree is too large' });
    await expectRestart(world, 'were not kept');
  });

  test('that could be kept later makes up for it', async () => {
    const world = worldOf([[write('a')], [write('b')], [read('a')]]);
    await world.attempt(createKillPoints('before read'), {
      onCapture: (nth) => {
        if (nth === 1) throw new DomainError('too_large', 'too large', { limit: 1 });
      },
    });
    const { requests } = await world.attempt();
    expect(requests[0]?.messages).toHaveLength(5);
  });

  test('that is unchanged since it was kept last makes up for one that could not be kept', async () => {
    const world = worldOf([
      [write('a')],
      [call('bash', { command: 'x' })],
      [call('bash', { command: 'y' })],
      [read('a')],
    ]);
    await world.attempt(createKillPoints('before read'), {
      onCapture: (nth) => {
        if (nth === 2) throw new DomainError('unprocessable', 'a socket');
      },
    });
    const { requests } = await world.attempt();
    expect(requests[0]?.messages).toHaveLength(7);
  });

  test('of a skill: one that was loaded stays loaded', async () => {
    const file = { path: 'list.md', mode: 0o644, encoding: 'utf8' as const, content: 'a list' };
    const skill = { name: 'style', description: '', body: 'Be short.', metadata: {}, files: [file] };
    const load = call('load_skill', { name: 'style' });
    const world = worldOf(
      [[load], [read('a')], [load]],
      {},
      {
        parts: { skills: [skill], tools: { allow: ['read'] } },
      },
    );
    await world.attempt(createKillPoints('before read'));
    const { requests, files } = await world.attempt();
    expect(JSON.stringify(requests.at(-1)?.messages.at(-1))).toContain('loaded already');
    expect([...files.keys()]).toEqual(['skills/style/list.md']);
  });

  test('with messages: those that the dropped transcript had read are read again', async () => {
    const world = await halfDone();
    world.step.trees.clear();
    world.step.send({ text: 'hello' });
    await world.attempt(createKillPoints('before read'));
    expect(world.step.unread()).toEqual([]);
    world.step.trees.clear();
    await world.attempt();
    expect(world.step.unread()).toEqual([]);
    expect(world.step.presented).toEqual(['1:1', '1:1']);
  });

  test('of inputs as files: they are there again when no tree was recorded, and as the agent left them when one was', async () => {
    const context = {
      action: { prompt: 'See ${params.data@file}.' },
      refs: { 'params.data': 'original' },
    };
    const world = worldOf([[read('inputs/1.txt')], [write('inputs/1.txt')], [read('inputs/1.txt')]], {}, { context });
    await world.attempt(createKillPoints('after record'));
    const second = await world.attempt(createKillPoints('after capture'));
    expect(second.kill.diedAt()).toBe('after capture');
    await world.attempt(createKillPoints('after read'));
    const { result, files } = await world.attempt();
    expect(result?.outcome).toEqual({ status: 'succeeded' });
    expect(files.get('inputs/1.txt')).toBe('inputs/1.txt');
    const reads = world.step
      .entries()
      .flatMap((entry) => (entry.type === 'tool' && entry.tool === 'read' ? [world.step.load(entry.result)] : []));
    expect(reads).toEqual([
      { path: 'inputs/1.txt', text: 'original' },
      { path: 'inputs/1.txt', text: 'inputs/1.txt' },
    ]);
  });
});
