import { type AgentMessage, type CheckpointEntry, DomainError, type JsonValue, type ResumePoint } from '@skein/domain';
import type { ExecutionContext, WorkTreeSurroundings } from '@skein/ports';
import { expect, test } from 'vitest';
import { agentStep, createWorld, offerOf, succeeded, workTree } from '../../test/task-world.ts';

const snapshot = { digest: 'sha256:s' };
const turn = (number: number, text = ''): CheckpointEntry => ({
  type: 'turn',
  thread: '',
  turn: number,
  delta: { inline: { said: [], text, toolCalls: [] } },
  finishReason: 'stop',
  calls: [],
  usage: { inputTokens: 1, outputTokens: 1 },
});
const restart: CheckpointEntry = { type: 'restart', reason: 'the tree was lost' };
const message = (number: number, rest: Partial<AgentMessage> = {}): AgentMessage => ({
  messageId: `msg_${number}`,
  number,
  sender: 'ada',
  mode: 'next_turn',
  text: '',
  at: 1,
  ...rest,
});

type Parts = Required<Pick<ExecutionContext, 'checkpoints' | 'mailbox'>> & ExecutionContext;

/** Runs an agent step and gives its parts to `act`. */
const withParts = async (
  act: (parts: Parts, world: ReturnType<typeof createWorld>) => Promise<void>,
  prepare: (world: ReturnType<typeof createWorld>) => object = () => ({}),
) => {
  const world = createWorld(async (context) => {
    await act(context as Parts, world);
    return succeeded;
  });
  const result = await world.run(offerOf(agentStep, { snapshot, ...prepare(world) }));
  return { ...world, result };
};

const resumeOf = (world: ReturnType<typeof createWorld>, document: JsonValue, entries: number) => {
  const { digest, bytes } = world.store(document) as { readonly digest: string; readonly bytes: number };
  return { resume: { digest, bytes, entries } };
};

test('a step that is no agent has no durable points and no mailbox', async () => {
  const { run, seen } = createWorld();
  await run(offerOf());
  expect(seen.contexts[0]).not.toHaveProperty('checkpoints');
  expect(seen.contexts[0]).not.toHaveProperty('mailbox');
});

test('the index counts what was recorded before, and begins anew after a restart', async () => {
  const { seen, result } = await withParts(async ({ checkpoints }) => {
    await Promise.all([checkpoints.record([turn(1), turn(2)]), checkpoints.record([turn(3)])]);
    await checkpoints.record([]);
    await checkpoints.record([restart]);
    await checkpoints.record([turn(1)]);
    await checkpoints.record([turn(2)]);
  });
  expect(result.outcome).toEqual({ status: 'succeeded' });
  expect(seen.checkpoints.map(({ index }) => index)).toEqual([0, 2, 3, 0, 1]);
});

test('an attempt goes on from its resume point, and counts from there', async () => {
  const point: ResumePoint = { format: 1, entries: [turn(1), turn(2)] };
  let resumed: ResumePoint | undefined;
  const { seen } = await withParts(
    async ({ checkpoints }) => {
      resumed = checkpoints.resume;
      await checkpoints.record([turn(3)]);
    },
    (world) => resumeOf(world, point as unknown as JsonValue, 2),
  );
  expect(resumed).toEqual(point);
  expect(seen.checkpoints).toEqual([{ index: 2, entries: [turn(3)] }]);
});

test.each<[string, JsonValue, string]>([
  ['of a later format', { format: 2, entries: [{ type: 'turn' }] }, 'a format that this worker does not know'],
  ['short of entries', { format: 1, entries: [] }, 'the entries that it was offered with'],
  ['full of nonsense', { format: 1, entries: [null] }, 'the entries that it was offered with'],
  ['nothing', null, 'a format that this worker does not know'],
])('a resume point that is %s is an honest start from turn 0', async (_case, document, reason) => {
  const { seen } = await withParts(
    async ({ checkpoints }) => {
      expect(checkpoints.resume).toBeUndefined();
      await checkpoints.record([turn(1)]);
    },
    (world) => resumeOf(world, document, 1),
  );
  expect(seen.checkpoints.map(({ index }) => index)).toEqual([1, 0]);
  expect(seen.checkpoints[0]?.entries).toEqual([{ type: 'restart', reason: expect.stringContaining(reason) }]);
  expect(seen.logged).toContain('begins again at turn 0');
});

test('a resume point that is gone is a start from turn 0, and one whose store is away is tried again elsewhere', async () => {
  const gone = await withParts(
    async () => undefined,
    () => ({ resume: { digest: 'sha256:gone', bytes: 1, entries: 4 } }),
  );
  expect(gone.seen.checkpoints).toEqual([{ index: 4, entries: [{ type: 'restart', reason: expect.any(String) }] }]);
  const world = createWorld();
  world.faults.fetchBlob = new DomainError('unavailable', 'not now');
  const offer = offerOf(agentStep, { snapshot, resume: { digest: 'sha256:gone', bytes: 1, entries: 4 } });
  expect((await world.run(offer)).outcome).toMatchObject({ status: 'released' });
  expect(world.seen.checkpoints).toEqual([]);
});

test('keeps small values inline and large ones by digest, and gives both back', async () => {
  await withParts(async ({ checkpoints }) => {
    const small = await checkpoints.keep({ a: 1 });
    const large = await checkpoints.keep('x'.repeat(20_000));
    expect(small).toEqual({ inline: { a: 1 } });
    expect(large).toMatchObject({ digest: expect.stringMatching(/^sha256:/), bytes: 20_002 });
    expect([await checkpoints.load(small), await checkpoints.load(large)]).toEqual([{ a: 1 }, 'x'.repeat(20_000)]);
  });
});

test('a damaged value is not taken for what it was', async () => {
  await withParts(async ({ checkpoints }, { blobs }) => {
    const large = await checkpoints.keep('x'.repeat(20_000));
    if (!('digest' in large)) throw new Error('it is inline');
    blobs.set(large.digest, new TextEncoder().encode('"y"'));
    await expect(checkpoints.load(large)).rejects.toMatchObject({ code: 'digest_mismatch' });
  });
});

test('no secret that the task has read is in a durable point, and what is counted stays as it is [S3]', async () => {
  const { seen, blobs } = await withParts(async ({ checkpoints, readSecret }) => {
    const secret = await readSecret('own');
    const result = await checkpoints.keep(`${secret} ${'x'.repeat(20_000)}`);
    await checkpoints.record([
      turn(1, `said ${secret}`),
      {
        type: 'tool',
        thread: '',
        turn: 1,
        index: 0,
        callId: 'c',
        tool: 'bash',
        result,
        isError: false,
        durationMs: 1,
        treeLost: `lost ${secret}`,
      },
      { type: 'reply', number: 1, text: secret },
      { type: 'restart', reason: secret },
    ]);
  });
  expect(JSON.stringify(seen.checkpoints)).not.toContain('worker-value');
  for (const bytes of blobs.values()) expect(new TextDecoder().decode(bytes)).not.toContain('worker-value');
  expect(seen.checkpoints[0]?.entries[1]).toMatchObject({ durationMs: 1, treeLost: 'lost [redacted]' });
});

test('the mailbox gives messages in order, each once, until they are taken, without those that expired', async () => {
  const { seen } = await withParts(async ({ mailbox }, { listeners, clock }) => {
    const send = (each: AgentMessage): void => listeners.forEach((listener) => listener(each));
    const heard: number[] = [];
    const stop = mailbox.onMessage(({ number }) => heard.push(number));
    send(message(2));
    send(message(1));
    send(message(2));
    send(message(3, { expiresAt: clock.now() + 1_000 }));
    const unread = (): number[] => mailbox.unread().map(({ number }) => number);
    expect([unread(), heard]).toEqual([
      [1, 2, 3],
      [2, 1, 3],
    ]);
    await clock.advance(1_000);
    expect(unread()).toEqual([1, 2]);
    mailbox.take([1]);
    stop();
    send(message(1));
    send(message(4));
    expect([unread(), heard]).toEqual([
      [2, 4],
      [2, 1, 3],
    ]);
    mailbox.presented([1], 7);
    mailbox.presented([], 8);
  });
  expect(seen.presented).toEqual([{ numbers: [1], turn: 7 }]);
});

test('an agent step has a working tree in its private directory, which knows the secrets that it reads [S3]', async () => {
  const holds = (text: string, { trees: [tree] }: { readonly trees: readonly WorkTreeSurroundings[] }) => [
    tree?.holdsSecret(new TextEncoder().encode(text)),
    tree?.secretsRead(),
  ];
  const { seen } = await withParts(async (context, world) => {
    expect([context.workTree, world.seen.trees[0]?.root]).toEqual([workTree, context.workDir]);
    expect(holds('token=worker-value', world.seen)).toEqual([false, 0]);
    await context.readSecret('own');
    expect(holds('token=worker-value', world.seen)).toEqual([true, 1]);
    expect(holds('d29ya2VyLXZhbHVl', world.seen)).toEqual([true, 1]); // base64
    expect(holds('anything else', world.seen)).toEqual([false, 1]);
  });
  expect(seen.trees).toHaveLength(1);
});

test('an attempt that ended listens to no message', async () => {
  const { listeners } = await withParts(async (_parts, world) => expect(world.listeners.size).toBe(1));
  expect(listeners.size).toBe(0);
});

/** An agent step whose offer promised messages; each comes at its instant (ms). What the agent found when it began. */
const beginWith = async (unread: number, arrivals: readonly (readonly [number, AgentMessage])[], ms: number) => {
  const found: number[][] = [];
  let world: ReturnType<typeof createWorld> | undefined;
  const running = withParts(
    async ({ mailbox }) => {
      found.push(mailbox.unread().map(({ number }) => number));
    },
    (made) => {
      world = made;
      return { unread };
    },
  );
  for (const [at, each] of arrivals)
    world?.clock.after(at, () => world?.listeners.forEach((listener) => listener(each)));
  await world?.clock.advance(ms);
  const begunBy = [...found];
  await world?.clock.advance(60_000);
  return { found, begunBy, outcome: (await running).result.outcome };
};

test('an agent begins with the messages that were promised with its offer', async () => {
  const { found, begunBy } = await beginWith(
    2,
    [
      [20, message(1)],
      [40, message(2)],
    ],
    50,
  );
  expect({ found, begunBy }).toEqual({ found: [[1, 2]], begunBy: [[1, 2]] });
});

test('a message that was promised and does not come is waited for, but not for ever', async () => {
  const { found, begunBy, outcome } = await beginWith(1, [], 1_000);
  expect({ found, begunBy, outcome }).toEqual({ found: [[]], begunBy: [], outcome: { status: 'succeeded' } });
});
