import type { Step, TaskResult } from '@skein/domain';
import { maxProposalBytes, maxProposals } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';
import {
  sampleCoordinatorMessages,
  sampleEntries,
  sampleOffer,
  sampleResult,
  sampleStep,
  sampleTask,
} from '@skein/testkit';
import { expect, test } from 'vitest';
import { messageType } from '../worker-protocol.ts';
import { createClientCodec, createServerCodec, joinFrame } from './frame.ts';

const workerMessage = messageType<object, object>('WorkerMessage');
const coordinatorMessage = messageType<object, object>('CoordinatorMessage');

const toCoordinator = (message: WorkerMessage): WorkerMessage => {
  const decoded = createServerCodec().decode(joinFrame([createClientCodec().encode(message)]));
  if (!decoded.ok) throw decoded.error;
  return decoded.value[0] as WorkerMessage;
};
const toWorker = (message: CoordinatorMessage) =>
  createClientCodec().decode(joinFrame([createServerCodec().encode(message)]));

test('a welcome of a coordinator that knows no formats stands for the first', () => {
  const welcome = sampleCoordinatorMessages()[0] as Extract<CoordinatorMessage, { type: 'welcome' }>;
  const { snapshotFormat: _unknown, ...older } = welcome;
  const bytes = messageType<object, object>('CoordinatorMessage').serialize({ welcome: { ...older, keep: [] } });
  expect(createClientCodec().decode(joinFrame([bytes]))).toMatchObject({
    ok: true,
    value: [{ type: 'welcome', snapshotFormat: 1 }],
  });
});

test('a result with proposals comes as it went, up to both limits', () => {
  const proposal = (index: number) =>
    ({ scope: 'agent/a', op: 'replace', text: `${index}`.padEnd(maxProposalBytes, 'x'), basis: 'ü' }) as const;
  const proposals = Array.from({ length: maxProposals }, (_, index) => proposal(index));
  const result: TaskResult = { ...sampleResult(), proposals };
  expect(toCoordinator({ type: 'result', result })).toEqual({ type: 'result', result });
});

test.each([
  [
    'too many',
    Array.from({ length: maxProposals + 1 }, () => ({ scope: 'global', op: 'append', text: '' })),
    'too_large',
  ],
  ['too long', [{ scope: 'global', op: 'append', text: 'ü'.repeat(maxProposalBytes / 2 + 1) }], 'too_large'],
  ['a long basis', [{ scope: 'global', op: 'remove', text: '', basis: 'x'.repeat(maxProposalBytes + 1) }], 'too_large'],
  ['no operation', [{ scope: 'global', op: 'erase', text: '' }], 'invalid_argument'],
  ['no scope', [{ scope: '', op: 'append', text: '' }], 'invalid_argument'],
])(
  'a result whose proposals are refused (%s) is a failure of its task, with nothing left out in silence',
  (_case, proposals, code) => {
    const result = { ...sampleResult(), proposals } as TaskResult;
    const { proposals: _none, ...heard } = (
      toCoordinator({ type: 'result', result }) as { readonly result: TaskResult }
    ).result;
    expect(_none).toBeUndefined();
    expect(heard).toMatchObject({
      step: result.step,
      token: result.token,
      outcome: { status: 'failed', error: { code } },
    });
  },
);

test('an offer carries the secrets of its step, and the paths of handlers', () => {
  const definition: Step = { ...sampleStep('@failure'), secrets: [{ env: 'DB', secret: 'DB_PASSWORD' }] };
  const offer = { ...sampleOffer(), step: '@failure', stepId: '@failure', definition };
  expect(toWorker({ type: 'offer', offer })).toMatchObject({
    ok: true,
    value: [{ offer: { step: '@failure', definition } }],
  });
});

const kindsOfTheCoordinator: readonly Step['action'][] = [
  { kind: 'call', dag: 'other', params: { a: 1 } },
  { kind: 'wait', durationMs: 1_000 },
  { kind: 'approval', prompt: 'Ship it?', input: [] },
];

test.each(kindsOfTheCoordinator)('a $kind step is never offered', (action) => {
  const offer = { ...sampleOffer(), definition: { ...sampleStep(), action } };
  expect(() => createServerCodec().encode({ type: 'offer', offer })).toThrow('a step that workers carry out');
});

test.each(kindsOfTheCoordinator)('a $kind step is never taken for a task', (action) => {
  const good = createServerCodec().encode({ type: 'offer', offer: sampleOffer() });
  const { offer } = coordinatorMessage.deserialize(good) as { readonly offer: object };
  const definitionJson = JSON.stringify({ ...sampleStep(), action });
  const bytes = coordinatorMessage.serialize({ offer: { ...offer, definitionJson } });
  expect(createClientCodec().decode(joinFrame([bytes]))).toMatchObject({
    ok: false,
    error: { code: 'invalid_argument' },
  });
});

test('an offer of a coordinator that knows no rounds is of the first, and begins at turn 0', () => {
  const decoded = toWorker({ type: 'offer', offer: sampleOffer() });
  expect(decoded).toMatchObject({ ok: true });
  const offer = (decoded as unknown as { readonly value: readonly { readonly offer: object }[] }).value[0]?.offer;
  expect(offer).not.toHaveProperty('round');
  expect(offer).not.toHaveProperty('resume');
});

const task = sampleTask();
const [turn, tool, reply] = sampleEntries() as unknown as readonly [object, object, object];

test.each<[string, object]>([
  ['no entries', { entriesJson: [] }],
  ['what is no JSON', { entriesJson: ['{'] }],
  ['a list for an entry', { entriesJson: ['[]'] }],
  ['an entry of an unknown type', { entriesJson: ['{"type":"constructor"}'] }],
  ['a negative index', { index: -1, entriesJson: [JSON.stringify(reply)] }],
  ['a turn 0', { entriesJson: [JSON.stringify({ ...turn, turn: 0 })] }],
  ['a call of no class', { entriesJson: [JSON.stringify({ ...turn, calls: [{ index: 0, callId: 'c', tool: 't' }] })] }],
  ['consumed messages that are no numbers', { entriesJson: [JSON.stringify({ ...turn, consumed: ['1'] })] }],
  ['a negative usage', { entriesJson: [JSON.stringify({ ...turn, usage: { inputTokens: -1, outputTokens: 0 } })] }],
  [
    'a tree without a digest',
    { entriesJson: [JSON.stringify({ ...tool, tree: { digest: '../etc', files: 1, bytes: 1 } })] },
  ],
  ['a result that is no reference', { entriesJson: [JSON.stringify({ ...tool, result: 'text' })] }],
  ['a long reply', { entriesJson: [JSON.stringify({ ...reply, text: 'ü'.repeat(8_193) })] }],
  ['a large entry', { entriesJson: [JSON.stringify({ ...tool, treeLost: 'x'.repeat(70_000) })] }],
  [
    'too much together',
    { entriesJson: Array.from({ length: 9 }, () => JSON.stringify({ ...tool, treeLost: 'x'.repeat(60_000) })) },
  ],
])('a checkpoint with %s is refused', (_case, fields) => {
  const bytes = workerMessage.serialize({ checkpoint: { task, index: 0, ...fields } });
  expect(createServerCodec().decode(joinFrame([bytes]))).toMatchObject({
    ok: false,
    error: { code: 'invalid_argument' },
  });
});

test.each<[string, object]>([
  ['received messages without a task', { messagesReceived: { numbers: [1] } }],
  ['too many received messages', { messagesReceived: { task, numbers: Array.from({ length: 1_025 }, () => 1) } }],
  ['a message with the number 0', { messagesReceived: { task, numbers: [0] } }],
  ['messages presented in turn 0', { messagesPresented: { task, numbers: [1], turn: 0 } }],
])('%s: refused', (_case, message) => {
  expect(createServerCodec().decode(joinFrame([workerMessage.serialize(message)]))).toMatchObject({
    ok: false,
    error: { code: 'invalid_argument' },
  });
});

const message = { task, messageId: 'm', number: 1, sender: 's', mode: 'next_turn', text: 't', at: 1 };

test.each<[string, object]>([
  ['a mode that is none', { taskMessage: { ...message, mode: 'shout' } }],
  ['no sender', { taskMessage: { ...message, sender: '' } }],
  ['no number', { taskMessage: { ...message, number: 0 } }],
  ['a text over 16 KiB', { taskMessage: { ...message, text: 'ü'.repeat(8_193) } }],
  ['a negative count', { checkpointRecorded: { task, count: -1 } }],
])('a message of a coordinator with %s is refused', (_case, wire) => {
  expect(createClientCodec().decode(joinFrame([coordinatorMessage.serialize(wire)]))).toMatchObject({
    ok: false,
    error: { code: 'invalid_argument' },
  });
});

test.each<[string, readonly string[]]>([
  ['too many', Array.from({ length: 33 }, (_, index) => `host-${index}:1`)],
  ['no port', ['host']],
  ['port 0', ['host:0']],
  ['a port over 65535', ['host:65536']],
  ['a scheme', ['http://host:80']],
  ['a path', ['/tmp/socket:1']],
  ['white space', ['ho st:1']],
  ['nothing', ['']],
])('addresses of coordinators that are refused: %s', (_case, coordinators) => {
  const good = createServerCodec().encode(sampleCoordinatorMessages()[0] as CoordinatorMessage);
  const { welcome } = coordinatorMessage.deserialize(good) as { readonly welcome: object };
  const bytes = coordinatorMessage.serialize({ welcome: { ...welcome, coordinators } });
  expect(createClientCodec().decode(joinFrame([bytes]))).toMatchObject({
    ok: false,
    error: { code: 'invalid_argument' },
  });
});
