import type { Step, TaskResult } from '@skein/domain';
import { maxProposalBytes, maxProposals } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';
import { sampleCoordinatorMessages, sampleOffer, sampleResult, sampleStep } from '@skein/testkit';
import { expect, test } from 'vitest';
import { messageType } from '../worker-protocol.ts';
import { createClientCodec, createServerCodec, joinFrame } from './frame.ts';

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

test('a call is never taken for a task', () => {
  const definition: Step = { ...sampleStep(), action: { kind: 'call', dag: 'other', params: { a: 1 } } };
  expect(toWorker({ type: 'offer', offer: { ...sampleOffer(), definition } })).toMatchObject({
    ok: false,
    error: { code: 'invalid_argument' },
  });
});
