import {
  type AgentMessage,
  type CheckpointEntry,
  type Digest,
  DomainError,
  type JsonValue,
  type Step,
  type TaskOffer,
  type ValueRef,
} from '@skein/domain';
import type {
  AgentStores,
  ExecutionContext,
  ExecutionResult,
  StepExecutor,
  TaskTransfers,
  TextPatterns,
  Tracer,
  WorkTree,
  WorkTreeSurroundings,
} from '@skein/ports';
import { createMemoryLog, createNodeHasher, FakeClock } from '@skein/testkit';
import { expect } from 'vitest';
import { createTaskRunner } from '../src/task/create-task-runner.ts';

export const hasher = createNodeHasher();
const patterns: TextPatterns = {
  compile: (source) => {
    try {
      return new RegExp(source, 'u');
    } catch (cause) {
      throw new DomainError('invalid_argument', 'no regular expression', {}, cause);
    }
  },
};
export const stores = { digest: 'sha256:s' } as AgentStores;

export const workTree: WorkTree = {
  capture: () => Promise.resolve(undefined),
  restore: () => Promise.resolve(),
};

/** What an executor does with a task. */
export type Behaviour = (context: ExecutionContext, signal: AbortSignal) => Promise<ExecutionResult> | ExecutionResult;

export const succeeded: ExecutionResult = { outcome: { status: 'succeeded' }, outputs: {} };

export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

export const createWorld = (behaviour: Behaviour = () => succeeded, tracer?: Tracer) => {
  const clock = new FakeClock();
  const log = createMemoryLog();
  const blobs = new Map<Digest, Uint8Array>();
  const seen = {
    contexts: [] as ExecutionContext[],
    started: 0,
    created: [] as string[],
    removed: [] as string[],
    opened: [] as Digest[],
    asked: [] as string[],
    logged: '',
    checkpoints: [] as { readonly index: number; readonly entries: readonly CheckpointEntry[] }[],
    trees: [] as WorkTreeSurroundings[],
    presented: [] as { readonly numbers: readonly number[]; readonly turn: number }[],
  };
  /** `away`: nothing is answered before it is resolved. */
  const faults: { fetchBlob?: DomainError; away?: Promise<void> } = {};
  const listeners = new Set<(message: AgentMessage) => void>();
  const executor = (kinds: StepExecutor['kinds']): StepExecutor => ({
    kinds,
    execute: async (context, signal) => {
      seen.contexts.push(context);
      return behaviour(context, signal);
    },
  });
  const transfers: TaskTransfers = {
    fetchSnapshot: () => Promise.reject(new DomainError('not_found', 'none')),
    fetchPart: () => Promise.reject(new DomainError('not_found', 'none')),
    readSecret: (name) => {
      seen.asked.push(name);
      return name === 'theirs'
        ? Promise.resolve('coordinator-value')
        : Promise.reject(new DomainError('not_found', 'none'));
    },
    fetchBlob: (digest) => {
      if (faults.fetchBlob !== undefined) return Promise.reject(faults.fetchBlob);
      const bytes = blobs.get(digest);
      return bytes === undefined ? Promise.reject(new DomainError('not_found', 'none')) : Promise.resolve(bytes);
    },
    checkpoint: (index, entries) => {
      seen.checkpoints.push({ index, entries });
      return faults.away ?? Promise.resolve();
    },
    onMessage: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    presented: (numbers, turn) => void seen.presented.push({ numbers, turn }),
    storeBlob: (bytes) => {
      const digest = hasher.digest(bytes);
      blobs.set(digest, bytes);
      return (faults.away ?? Promise.resolve()).then(() => digest);
    },
  };
  const runner = createTaskRunner({
    ...(tracer === undefined ? {} : { tracer }),
    workTrees: (surroundings) => {
      seen.trees.push(surroundings);
      return workTree;
    },
    executors: [executor(['shell', 'script', 'exec']), executor(['agent']), executor(['noop'])],
    snapshots: {
      open: async ({ digest }, _fetchers, signal) => {
        seen.opened.push(digest);
        if (digest === 'sha256:slow' && signal !== undefined) {
          await untilAborted(signal);
          throw signal.reason;
        }
        return digest === 'sha256:bad'
          ? Promise.reject(new DomainError('digest_mismatch', 'damaged'))
          : Promise.resolve(stores);
      },
      held: () => ['sha256:s'],
      onEvicted: () => undefined,
    },
    workDirs: {
      create: () => {
        seen.created.push(`/folder/${seen.created.length}`);
        return Promise.resolve(seen.created.at(-1) as string);
      },
      remove: (path) => {
        seen.removed.push(path);
        return Promise.resolve();
      },
    },
    hasher,
    patterns,
    secretValues: {
      read: (name) => Promise.resolve(({ own: 'worker-value', short: 'ollama' } as { [name: string]: string })[name]),
    },
    clock,
    log,
  });
  const sink = {
    started: () => void (seen.started += 1),
    log: (bytes: Uint8Array) => void (seen.logged += new TextDecoder().decode(bytes)),
  };
  const run = (task: TaskOffer, signal: AbortSignal = new AbortController().signal, handBack?: AbortSignal) =>
    runner.run(task, sink, transfers, signal, handBack);
  return { clock, log, blobs, seen, listeners, faults, runner, run, store: (value: JsonValue) => refOf(blobs, value) };
};

export const refOf = (blobs: Map<Digest, Uint8Array>, value: JsonValue): ValueRef & { digest: Digest } => {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const digest = hasher.digest(bytes);
  blobs.set(digest, bytes);
  return { digest, bytes: bytes.length };
};

export const offerOf = (step: Partial<Step> = {}, rest: Partial<TaskOffer> = {}): TaskOffer => ({
  tenant: 'default',
  runId: 'run_1',
  step: 'work',
  stepId: 'work',
  attempt: 2,
  token: 7,
  dagName: 'test',
  definition: {
    id: 'work',
    depends: [],
    action: { kind: 'shell', commands: ['true'] },
    env: [],
    outputs: [],
    preconditions: [],
    continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
    workerSelector: {},
    onWorkerLoss: 'retry',
    repeatSafe: false,
    ...step,
  },
  refs: {},
  upstreamEnv: {},
  agents: {},
  leaseMs: 6_000,
  run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
  ...rest,
});

export const agentStep: Partial<Step> = {
  action: { kind: 'agent', agent: 'a', prompt: 'p', limits: {}, memory: { read: false, propose: false } },
};
export const failedWith = (code: string) => ({ status: 'failed', error: expect.objectContaining({ code }) });
