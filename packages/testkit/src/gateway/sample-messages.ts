import type { CheckpointEntry, Step, StepPath, TaskOffer, TaskRef, TaskResult } from '@skein/domain';
import type { CoordinatorMessage, WorkerMessage } from '@skein/ports';

/** A digest that looks like one. */
export const sampleDigest = (seed: number): string => `sha256:${seed.toString(16).padStart(64, '0')}`;

/** A task's name; the attempt is 1, the token 10 + index. */
export const sampleTask = (index = 0): TaskRef => ({
  runId: 'run_0190aaaa-0000-7000-8000-000000000001',
  step: `step-${index}` as StepPath,
  attempt: 1,
  token: 10 + index,
});

/** A shell step. */
export const sampleStep = (id = 'step-0'): Step => ({
  id,
  depends: [],
  action: { kind: 'shell', commands: ['echo "ünïcode 🪿"'] },
  env: [{ name: 'A', value: '${params.a}' }],
  outputs: [],
  preconditions: [],
  continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
  workerSelector: {},
  onWorkerLoss: 'retry',
  repeatSafe: false,
});

/** An offer of task `index`; `envelopeBytes` attaches a snapshot of that size. */
export const sampleOffer = (index = 0, envelopeBytes?: number): TaskOffer => ({
  ...sampleTask(index),
  tenant: 'default',
  dagName: 'sample',
  stepId: `step-${index}`,
  definition: sampleStep(`step-${index}`),
  refs: { 'params.a': { inline: { deep: [1, 'two', null] } }, item: { digest: sampleDigest(7), bytes: 70_000 } },
  upstreamEnv: { OUT: { inline: 'line\nbreak' } },
  item: { index: 3, value: { inline: 'goose' } },
  agents: { triage: sampleDigest(8) },
  leaseMs: 6000,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  run: {
    id: sampleTask().runId,
    createdAt: '2026-01-01T00:00:00.000Z',
    params: { a: { deep: [1, 'two', null] } },
    feedback: { by: 'ada', text: 'shorter,\nplease', round: 2 },
  },
  ...(envelopeBytes === undefined
    ? {}
    : { snapshot: { digest: sampleDigest(9), envelope: sampleBytes(envelopeBytes) } }),
});

/** Bytes that repeat no short pattern. */
export const sampleBytes = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  let state = 0x9e3779b9;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
};

/** A result of task `index`. */
export const sampleResult = (index = 0): TaskResult => ({
  ...sampleTask(index),
  outcome: { status: 'succeeded' },
  exitCode: 0,
  stdout: { inline: 'done' },
  outputs: { answer: { inline: { value: index } } },
  durationMs: 12.5,
});

/** One checkpoint entry of every type. */
export const sampleEntries = (): readonly CheckpointEntry[] => [
  {
    type: 'turn',
    thread: '',
    turn: 1,
    delta: { inline: { said: [{ role: 'user', content: 'hönk' }], text: '', toolCalls: [] } },
    finishReason: 'tool_calls',
    calls: [{ index: 0, callId: 'call_1', tool: 'bash', class: 'effect' }],
    usage: { inputTokens: 100, outputTokens: 20, costUsd: 0.001 },
    model: 'test/model',
    consumed: [1, 2],
    repair: true,
  },
  {
    type: 'tool',
    thread: '2.0/1.3',
    turn: 1,
    index: 0,
    callId: 'call_1',
    tool: 'bash',
    result: { digest: sampleDigest(11), bytes: 20_000 },
    isError: false,
    durationMs: 12.5,
    tree: { digest: sampleDigest(12), files: 3, bytes: 1_000 },
    settled: 'repeated',
  },
  { type: 'reply', number: 2, text: 'done \u{1fabf}' },
  { type: 'restart', reason: 'the tree was lost' },
];

/** A worker's first message. */
export const sampleHello = (): WorkerMessage & { readonly type: 'hello' } => ({
  type: 'hello',
  protocol: { min: 1, max: 1 },
  worker: {
    workerId: 'wrk_0190aaaa-0000-7000-8000-000000000002',
    incarnation: 'lch_0190aaaa-0000-7000-8000-000000000003',
    labels: { zone: 'a' },
    slots: 4,
    kinds: ['shell', 'agent'],
    isolation: 'none',
    snapshotFormats: [1],
    version: '0.1.0',
    hostname: 'host',
    pid: 4242,
  },
  held: [sampleDigest(1)],
  running: [{ ...sampleTask(1), started: true }],
  unacknowledged: [sampleTask(2)],
  gaveUp: [sampleTask(3)],
});

/** One message of every type that a worker sends, `hello` first. */
export const sampleWorkerMessages = (): readonly WorkerMessage[] => [
  sampleHello(),
  { type: 'credits', free: 3, offersSeen: 2 ** 40 },
  { type: 'received', task: sampleTask() },
  { type: 'started', task: sampleTask() },
  { type: 'log', task: sampleTask(), bytes: sampleBytes(100) },
  { type: 'result', result: sampleResult() },
  {
    type: 'result',
    result: {
      ...sampleTask(4),
      outcome: { status: 'failed', error: { code: 'unavailable', message: 'no \u{1fabf}', details: { a: [1] } } },
      exitCode: -1,
      outputs: {},
      usage: { turns: 1, toolCalls: 2, inputTokens: 3, outputTokens: 4, schemaRepairs: 0, costUsd: 0.25, model: 'p/m' },
      continueOnOutput: true,
      proposals: [
        { scope: 'agent/triage', op: 'append', text: 'geese honk \u{1fabf}' },
        { scope: 'dag/daily', op: 'replace', text: 'new', basis: 'old' },
        { scope: 'global', op: 'remove', text: '', basis: 'gone' },
      ],
      durationMs: 0,
    },
  },
  { type: 'result', result: { ...sampleTask(5), outcome: { status: 'released' }, outputs: {}, durationMs: 0 } },
  { type: 'checkpoint', task: sampleTask(6), index: 3, entries: sampleEntries() },
  { type: 'messages_received', task: sampleTask(6), numbers: [1, 2] },
  { type: 'messages_presented', task: sampleTask(6), numbers: [2], turn: 4 },
  { type: 'heartbeat', sentAtMs: 123.456789, running: 2 },
  { type: 'evicted', digests: [sampleDigest(1), sampleDigest(2)] },
  { type: 'draining' },
  { type: 'goodbye' },
];

/** One message of every type that a coordinator sends, `refused` last. */
export const sampleCoordinatorMessages = (): readonly CoordinatorMessage[] => [
  {
    type: 'welcome',
    protocol: 1,
    sessionId: 'ses_0190aaaa-0000-7000-8000-000000000004',
    coordinatorId: 'c1',
    serverTime: 1_767_225_600_000,
    heartbeatMs: 1500,
    leaseMs: 6000,
    snapshotFormat: 2,
    coordinators: ['coordinator-2.example:7443', '10.0.0.3:7443', '[2001:db8::1]:7443'],
    keep: [sampleTask(1)],
  },
  { type: 'offer', offer: sampleOffer() },
  {
    type: 'offer',
    offer: { ...sampleOffer(1), round: 2, resume: { digest: sampleDigest(13), bytes: 900, entries: 4 } },
  },
  { type: 'result_acknowledged', task: sampleTask(), outcome: 'recorded' },
  { type: 'result_acknowledged', task: sampleTask(2), outcome: 'conflict' },
  { type: 'checkpoint_recorded', task: sampleTask(6), count: 7 },
  {
    type: 'message',
    task: sampleTask(6),
    message: {
      messageId: 'msg_0190aaaa-0000-7000-8000-000000000005',
      number: 1,
      sender: 'ada',
      mode: 'interrupt',
      text: 'stop \u{1fabf}',
      at: 1_767_225_600_000,
      expiresAt: 1_767_225_700_000,
      requireAck: true,
      wantsReply: true,
    },
  },
  {
    type: 'message',
    task: sampleTask(6),
    message: { messageId: 'm', number: 2, sender: 'bob', mode: 'on_idle', text: '', at: 0 },
  },
  { type: 'heartbeat_answer', sentAtMs: 123.456789 },
  { type: 'cancel', task: sampleTask(), reason: 'cancelled by ünï' },
  { type: 'revoke', task: sampleTask() },
  { type: 'drain' },
  { type: 'refused', error: { code: 'unavailable', message: 'try later', details: { retryAfterMs: 5 } } },
];
