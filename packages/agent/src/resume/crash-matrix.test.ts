import type { CheckpointEntry, JsonValue, ToolEntry, ToolsContent, TurnEntry } from '@skein/domain';
import type { ToolCall } from '@skein/ports';
import {
  type CrashedAttempt,
  type CrashWorld,
  createCrashWorld,
  createKillPoints,
  propertyRuns,
  shopServer,
  type TranscriptScript,
} from '@skein/testkit';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const call = (tool: string, input: JsonValue, callId = `c-${tool}`): ToolCall => ({ callId, tool, input });
const remember = (text: string) => call('remember', { op: 'append', text });

const skill = {
  name: 'style',
  description: 'House style.',
  body: 'Write short lines.',
  metadata: {},
  files: [{ path: 'list.md', mode: 0o644, encoding: 'utf8' as const, content: 'a list' }],
};

/** Everything that an agent does: reading, writing, a command, a server, a skill, memory, a sub-agent. */
const main: TranscriptScript = (_request, turn) =>
  [
    { toolCalls: [call('think', { thought: 'plan' }), call('read', { path: 'missing' })] },
    {
      text: 'working',
      toolCalls: [
        call('write', { path: 'a', content: 'one' }),
        call('bash', { command: 'pay' }),
        call('load_skill', { name: 'style' }),
      ],
    },
    { toolCalls: [call('shop__order', { what: 'tea' }), call('read', { path: 'a' }), remember('it costs')] },
    {
      toolCalls: [call('delegate', { agent: 'finder', prompt: 'Find.' }), call('write', { path: 'b', content: 'two' })],
    },
    { text: `done after ${turn} turns` },
  ][turn] ?? { text: 'again' };

const finder: TranscriptScript = (_request, turn) =>
  [
    { toolCalls: [call('write', { path: 'found', content: 'x' }), call('bash', { command: 'dig' })] },
    { toolCalls: [remember('it was there')] },
    { text: 'found' },
  ][turn] ?? {};

const worldOf = (effects: ToolsContent['effects'] = {}): CrashWorld =>
  createCrashWorld(createAgentExecutor, {
    scripts: { 'rules-1': main, 'small-1': finder },
    // Some bodies are in the entries, some are not.
    inlineLimit: 300,
    context: { action: { memory: { read: false, propose: true } } },
    parts: {
      model: { prices: { inputPerMillion: 1, outputPerMillion: 2 } },
      skills: [skill],
      tools: {
        allow: ['read', 'write', 'bash', 'think', 'remember', 'delegate'],
        bash: { allow: ['pay'], deny: [] },
        servers: shopServer,
        effects,
      },
      subAgents: [
        {
          agent: { agentId: 'finder' },
          model: { id: 'small', model: 'small-1', prices: { inputPerMillion: 1, outputPerMillion: 2 } },
          tools: { allow: ['write', 'bash', 'remember'], bash: { allow: ['dig'], deny: [] }, effects },
        },
      ],
    },
  });

const idempotent: ToolsContent['effects'] = { bash: { class: 'idempotent' }, shop__order: { class: 'idempotent' } };
const reconciled: ToolsContent['effects'] = {
  bash: { reconcile: { command: 'check' } },
  shop__order: { reconcile: { tool: 'shop__find' } },
};
const told: ToolsContent['effects'] = { bash: { unknown: 'tell' }, shop__order: { unknown: 'tell' } };

/** What is committed, without what may differ: how long it took, how an unknown outcome was settled. */
const transcriptOf = ({ step }: CrashWorld) =>
  step.entries().map((entry) => {
    if (entry.type === 'turn') return { ...entry, delta: step.load(entry.delta) };
    if (entry.type !== 'tool') return entry;
    const { settled: _settled, durationMs: _duration, ...kept } = entry;
    return { ...kept, result: step.load(entry.result) };
  });

const place = ({ thread, turn, index }: ToolEntry) => `${thread} ${turn} ${index}`;

/** Keys of what may have been begun by an attempt that is gone: the first call without a result of each last turn. */
const unknownOf = ({ step }: CrashWorld): readonly { readonly class: string; readonly tool: string }[] => {
  const done = new Set(step.entries().flatMap((entry) => (entry.type === 'tool' ? [place(entry)] : [])));
  const turns = step.entries().filter((entry): entry is TurnEntry => entry.type === 'turn');
  return turns.flatMap(({ thread, turn, calls }) => {
    const first = calls.find(({ index }) => !done.has(`${thread} ${turn} ${index}`));
    return first === undefined || first.class === 'read_only' ? [] : [first];
  });
};

const countOf = (world: CrashWorld, key: string | undefined): number =>
  world.effects.filter((effect) => effect.key === key).length;

const keysOf = (world: CrashWorld) => new Set(world.effects.map(({ key }) => key));

interface Undisturbed {
  readonly world: CrashWorld;
  readonly attempt: CrashedAttempt;
}

const undisturbed = async (effects: ToolsContent['effects']): Promise<Undisturbed> => {
  const world = worldOf(effects);
  return { world, attempt: await world.attempt() };
};

/** Runs the rest after a death, and checks what holds whatever the policy is. */
const goOn = async (
  world: CrashWorld,
  died: readonly CrashedAttempt[],
  whole: Undisturbed,
): Promise<CrashedAttempt> => {
  const turnsBefore = world.step.entries().filter(({ type }) => type === 'turn').length;
  const last = await world.attempt();
  const asked = [...died, last].reduce((sum, { requests }) => sum + requests.length, 0);
  const where = died.map(({ kill }) => kill.diedAt()).join(', ');
  expect(last.requests.length, where).toBeLessThanOrEqual(whole.attempt.requests.length - turnsBefore);
  expect(asked, where).toBeLessThanOrEqual(whole.attempt.requests.length + died.length);
  expect(last.pending).toBe(0);
  expect(last.errors).toBe(0);
  return last;
};

const expectTheSame = (world: CrashWorld, last: CrashedAttempt, whole: Undisturbed, where: string): void => {
  expect(last.result, where).toEqual(whole.attempt.result);
  // A deep comparison of what is equal anyway would cost most of the time.
  const [transcript, expected] = [transcriptOf(world), transcriptOf(whole.world)];
  if (JSON.stringify(transcript) !== JSON.stringify(expected)) expect(transcript, where).toEqual(expected);
  const request = last.requests.at(-1);
  const asked = whole.attempt.requests.at(-1)?.messages;
  if (request !== undefined) expect(JSON.stringify(request.messages), where).toBe(JSON.stringify(asked));
  if (last.files.size > 0) expect(last.files, where).toEqual(whole.attempt.files);
};

describe('an attempt that dies at any await', () => {
  let whole: Undisturbed;
  let known: Undisturbed;
  let points: readonly number[];
  /** Those at which a policy can make a difference: after an effect and after a record, which is before the next effect. */
  let edges: readonly number[];
  beforeAll(async () => {
    whole = await undisturbed(reconciled);
    points = Array.from({ length: whole.attempt.kill.passed() }, (_, index) => index + 1);
    const trace = whole.attempt.kill.trace();
    edges = points.filter((at) => /after (bash|call|record)/.test(trace[at - 1] ?? ''));
    known = await undisturbed(idempotent);
  });

  test('is a long one: the matrix has something to break', () => {
    expect(whole.attempt.result?.outcome).toEqual({ status: 'succeeded' });
    expect(whole.attempt.result?.proposals).toHaveLength(2);
    expect(whole.attempt.result?.usage).toMatchObject({ turns: 8, toolCalls: 13 });
    expect(whole.world.effects.map(({ input }) => input)).toEqual(['pay', { what: 'tea' }, 'dig']);
    expect(points.length).toBeGreaterThan(100);
  });

  test('is gone on from to the same end, and where the target can be asked each effect happens once [crash 14]', async () => {
    // The next attempt knows nothing but what is durable: of deaths that leave the same behind, one is gone on from.
    const askedAfter = new Map<string, number>();
    for (const at of points) {
      const world = worldOf(reconciled);
      const died = await world.attempt(createKillPoints(at));
      const where = `${at}: ${died.kill.diedAt()}`;
      const left = JSON.stringify([world.step.log, world.effects]);
      const asked = askedAfter.get(left);
      if (asked !== undefined) {
        expect(died.requests.length + asked, where).toBeLessThanOrEqual(whole.attempt.requests.length + 1);
        continue;
      }
      const last = await goOn(world, [died], whole);
      askedAfter.set(left, last.requests.length);
      expectTheSame(world, last, whole, where);
      expect(world.effects, where).toEqual(whole.world.effects);
    }
    expect(askedAfter.size).toBeGreaterThan(20);
  });

  test('repeats at most the one call whose outcome is unknown, with its key, where the agent says that it may', async () => {
    let repeated = 0;
    for (const at of edges) {
      const world = worldOf(idempotent);
      const died = await world.attempt(createKillPoints(at));
      const unknown = unknownOf(world);
      const recorded = world.step.records.length;
      const last = await goOn(world, [died], known);
      expect(last.result).toEqual(whole.attempt.result);
      expect(keysOf(world)).toEqual(keysOf(whole.world));
      const twice = [...keysOf(world)].filter((key) => countOf(world, key) > 1);
      expect(twice.length).toBeLessThanOrEqual(unknown.length === 0 ? 0 : 1);
      for (const key of twice) expect(countOf(world, key)).toBe(2);
      repeated += twice.length;
      const settled = world.step.records.slice(recorded).flat().filter(isSettled);
      expect(settled.map((entry) => entry.settled)).toEqual(unknown.map(() => 'repeated'));
    }
    expect(repeated).toBeGreaterThanOrEqual(3);
  });

  test('fails with `outcome_unknown` where nobody can say, and only there', async () => {
    let failed = 0;
    for (const at of edges) {
      const world = worldOf();
      await world.attempt(createKillPoints(at));
      const unknown = unknownOf(world).find((each) => each.class === 'effect');
      const { result } = await world.attempt();
      expect([...keysOf(world)].every((key) => countOf(world, key) === 1)).toBe(true);
      if (unknown === undefined) {
        expect(result).toEqual(whole.attempt.result);
        continue;
      }
      failed += 1;
      const details = { tool: unknown.tool, key: expect.stringContaining('run_1:help:0:') };
      expect(result?.outcome).toMatchObject({ status: 'failed', error: { code: 'outcome_unknown', details } });
    }
    expect(failed).toBeGreaterThan(3);
  });

  test('tells the model where the agent says so, and does nothing twice', async () => {
    let tellings = 0;
    for (const at of edges) {
      const world = worldOf(told);
      await world.attempt(createKillPoints(at));
      const { result } = await world.attempt();
      expect(result?.outcome).toEqual({ status: 'succeeded' });
      expect([...keysOf(world)].every((key) => countOf(world, key) === 1)).toBe(true);
      const settled = world.step
        .entries()
        .filter(isSettled)
        .filter((entry) => entry.settled === 'told');
      for (const { isError, result: output } of settled) {
        expect([isError, world.step.load(output)]).toEqual([
          true,
          expect.objectContaining({ error: 'outcome_unknown' }),
        ]);
      }
      tellings += settled.length;
    }
    expect(tellings).toBeGreaterThan(3);
  });

  test('dies as often as it likes: each death costs at most the turn in flight', async () => {
    const deaths = fc.array(fc.integer({ min: 1, max: points.length }), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(deaths, async (kills) => {
        const world = worldOf(reconciled);
        const died: CrashedAttempt[] = [];
        for (const at of kills) died.push(await world.attempt(createKillPoints(at)));
        const last = await goOn(world, died, whole);
        expectTheSame(world, last, whole, String(kills));
        expect(world.effects).toEqual(whole.world.effects);
      }),
      { numRuns: propertyRuns(8) },
    );
  });

  test('a finished transcript ends at once: no model, no tool, no server', async () => {
    const world = worldOf(reconciled);
    await world.attempt();
    const before = world.step.log.length;
    const again = await world.attempt();
    expect(again.result).toEqual(whole.attempt.result);
    expect([again.requests.length, again.effects.length, world.step.log.length - before]).toEqual([0, 0, 0]);
    expect(again.kill.passed()).toBeLessThan(60);
  });
});

const isSettled = (entry: CheckpointEntry): entry is ToolEntry => entry.type === 'tool' && entry.settled !== undefined;
