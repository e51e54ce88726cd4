import type { JsonValue, ResumePoint } from '@skein/domain';
import {
  agentContextOf,
  agentStoresOf,
  createCrashWorld,
  createKillPoints,
  createMemoryLog,
  createMemoryStep,
  createMemoryToolHost,
  createScriptedModel,
  FakeClock,
  propertyRuns,
  shopServer,
  type TranscriptScript,
} from '@skein/testkit';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const call = (tool: string, input: JsonValue, callId = `c-${tool}`) => ({ callId, tool, input });

const parts = {
  tools: {
    allow: ['read', 'write', 'bash', 'think', 'remember', 'delegate'],
    bash: { allow: ['.*'], deny: [] },
    servers: shopServer,
    effects: { bash: { unknown: 'tell' as const } },
  },
  subAgents: [{ agent: { agentId: 'finder' }, model: { id: 'small', model: 'small-1' }, tools: { allow: ['write'] } }],
};

const script: TranscriptScript = (_request, turn) =>
  [
    { toolCalls: [call('read', { path: 'a' }), call('think', { thought: 'x' })] },
    { toolCalls: [call('write', { path: 'a', content: 'x' }), call('bash', { command: 'pay' })] },
    { toolCalls: [call('delegate', { agent: 'finder', prompt: 'p' }), call('remember', { op: 'append', text: 'x' })] },
  ][turn] ?? { text: 'done' };

const finder: TranscriptScript = (_request, turn) =>
  turn === 0 ? { toolCalls: [call('write', { path: 'b', content: 'x' })] } : { text: 'found' };

let whole: readonly JsonValue[] = [];
let trees: ReadonlyMap<string, string> = new Map();

beforeAll(async () => {
  const world = createCrashWorld(createAgentExecutor, { scripts: { 'rules-1': script, 'small-1': finder }, parts });
  world.step.send({ text: 'hello', wantsReply: true });
  await world.attempt(createKillPoints());
  whole = JSON.parse(JSON.stringify(world.step.entries())) as JsonValue[];
  trees = world.step.trees;
});

/** Runs an attempt with a document that may say anything. */
const resumeWith = async (document: unknown) => {
  const toolHost = createMemoryToolHost();
  const fresh = createMemoryStep();
  for (const [digest, text] of trees) fresh.trees.set(digest, text);
  const { checkpoints, mailbox, workTree } = fresh.open(toolHost);
  const log = createMemoryLog();
  const clock = new FakeClock();
  const model = createScriptedModel([{ text: 'new answer' }]);
  const context = agentContextOf({
    stores: agentStoresOf(parts),
    checkpoints: { ...checkpoints, resume: document as ResumePoint },
    mailbox,
    workTree,
    action: { memory: { read: false, propose: true } },
  });
  const executor = createAgentExecutor({
    model,
    toolHost,
    clock,
    log,
    meter: { count: () => {}, gauge: () => {}, observe: () => {} },
  });
  const result = await executor.execute(context, new AbortController().signal);
  return {
    result,
    fresh,
    model,
    toolHost,
    pending: clock.pending,
    errors: log.lines.filter(({ level }) => level === 'error'),
  };
};

const expectSane = ({ result, fresh, toolHost, model, pending, errors }: Awaited<ReturnType<typeof resumeWith>>) => {
  expect(errors).toEqual([]);
  expect(pending).toBe(0);
  if (result.outcome.status === 'failed') expect(result.outcome.error.code).not.toBe('internal');
  // Nothing in a document makes a command run.
  const restarts = fresh.log.filter(({ type }) => type === 'restart');
  expect(restarts.length).toBeLessThanOrEqual(1);
  if (restarts.length === 0) return;
  expect(fresh.log[0]).toMatchObject({ type: 'restart', reason: expect.stringMatching(/./) });
  expect(model.requests[0]?.messages).toEqual([{ role: 'user', text: 'Help me.' }]);
  expect(toolHost.commands).toEqual([]);
  expect(result.outputs).toEqual({ text: 'new answer' });
};

/** All places of a value, as paths. */
const pathsOf = (value: JsonValue, path: readonly string[] = []): readonly (readonly string[])[] => [
  path,
  ...(typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => pathsOf(inner as JsonValue, [...path, key]))
    : []),
];

const changed = (
  value: JsonValue,
  path: readonly string[],
  change: (inner: JsonValue) => JsonValue | undefined,
): JsonValue => {
  const copy = JSON.parse(JSON.stringify(value)) as JsonValue;
  const last = path.at(-1);
  if (last === undefined) return change(copy) ?? null;
  let holder = copy as { [key: string]: JsonValue };
  for (const key of path.slice(0, -1)) holder = holder[key] as { [key: string]: JsonValue };
  const inner = change(holder[last] as JsonValue);
  if (inner !== undefined) holder[last] = inner;
  else if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete holder[last];
  return copy;
};

const oddValues: readonly (JsonValue | undefined)[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  2,
  1e300,
  '',
  'x',
  '0.0',
  '2.0',
  '2.0/1.0',
  '__proto__',
  'delegate',
  'output',
  'effect',
  'read_only',
  [],
  {},
  [null],
  { inline: null },
  { inline: { said: [], text: '', toolCalls: [] } },
  { digest: 'sha256:0', bytes: 1 },
];

test('the document that was recorded is gone on from, whole and cut anywhere', async () => {
  for (let length = 1; length <= whole.length; length += 1) {
    const outcome = await resumeWith({ format: 1, entries: whole.slice(0, length) });
    expectSane(outcome);
    expect(outcome.fresh.log.some(({ type }) => type === 'restart')).toBe(false);
    expect(outcome.result.outcome).toEqual({ status: 'succeeded' });
  }
});

test.each([
  ['no document', null],
  ['another format', { format: 2, entries: [] }],
  ['no entries', { format: 1 }],
  ['a list', []],
  ['a text', 'resume'],
  ['an unknown entry', { format: 1, entries: [{ type: 'dance' }] }],
])('%s begins at turn 0, and says why', async (_name, document) => {
  const outcome = await resumeWith(document);
  expectSane(outcome);
  expect(outcome.fresh.log[0]).toMatchObject({ type: 'restart' });
});

test('entries that are missing, doubled or in another order begin at turn 0', async () => {
  const [first, second, third, ...others] = whole as [JsonValue, JsonValue, JsonValue, ...JsonValue[]];
  for (const entries of [
    [second, third, ...others],
    [first, second, second, third, ...others],
    [first, first, second, third, ...others],
    [first, ...others.slice(0, 1), second, third, ...others.slice(1)],
    [first, ...others],
  ]) {
    const outcome = await resumeWith({ format: 1, entries });
    expectSane(outcome);
    expect(outcome.fresh.log[0]).toMatchObject({ type: 'restart' });
  }
});

test('whatever a document says, the attempt ends with a typed outcome and leaves nothing behind', async () => {
  const mutation = fc.record({ at: fc.nat(), value: fc.constantFrom(...oddValues), entry: fc.nat() });
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
      let document: JsonValue = { format: 1, entries: [...whole] };
      for (const { at, value } of mutations) {
        const paths = pathsOf(document);
        document = changed(document, paths[at % paths.length] as readonly string[], () => value);
      }
      expectSane(await resumeWith(document));
    }),
    { numRuns: propertyRuns(50) },
  );
});

test('any JSON at all is a reason to begin at turn 0', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (json) => {
      const outcome = await resumeWith(json);
      expectSane(outcome);
      expect(outcome.fresh.log[0]).toMatchObject({ type: 'restart' });
    }),
    { numRuns: 30 },
  );
});
