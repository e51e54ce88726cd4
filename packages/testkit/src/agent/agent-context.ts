import { DomainError, type JsonValue, type Playback, type Step, type StepAction, type TaskOffer } from '@skein/domain';
import type { AgentStores, Checkpoints, ExecutionContext, Mailbox, WorkTree } from '@skein/ports';
import { stepOf } from '../fixtures/dag-fixtures.ts';

/** An execution context of one agent step, with what it logged. */
export interface AgentContext extends ExecutionContext {
  /** All log text until now. */
  readonly logged: () => string;
  readonly startedCount: () => number;
}

/** What differs from a plain agent step. */
export interface AgentContextChanges {
  readonly stores?: AgentStores;
  readonly action?: Partial<Extract<StepAction, { kind: 'agent' }>>;
  readonly step?: Partial<Step>;
  readonly refs?: { readonly [expression: string]: JsonValue };
  readonly upstreamEnv?: { readonly [name: string]: JsonValue };
  readonly item?: { readonly index: number; readonly value: JsonValue };
  readonly workDir?: string;
  /** By name; a name that is not here is refused with `permission_denied`. */
  readonly secrets?: { readonly [name: string]: string };
  readonly checkpoints?: Checkpoints;
  readonly mailbox?: Mailbox;
  readonly workTree?: WorkTree;
  readonly playback?: Playback;
  readonly feedback?: TaskOffer['run']['feedback'];
}

/** A context of the step `help` of the DAG `demo`, whose agent is `helper`. */
export const agentContextOf = (changes: AgentContextChanges = {}): AgentContext => {
  const action: StepAction = {
    kind: 'agent',
    agent: 'helper',
    prompt: 'Help me.',
    limits: {},
    memory: { read: false, propose: false },
    ...changes.action,
  };
  const definition: Step = { ...stepOf('help'), action, ...changes.step };
  let logged = '';
  let started = 0;
  const read = new Set<string>();
  const decoder = new TextDecoder();
  return {
    offer: {
      tenant: 'default',
      runId: 'run_1',
      step: 'help',
      stepId: 'help',
      attempt: 1,
      token: 1,
      dagName: 'demo',
      definition,
      refs: {},
      upstreamEnv: {},
      ...(changes.item === undefined
        ? {}
        : { item: { index: changes.item.index, value: { inline: changes.item.value } } }),
      agents: { helper: 'sha256:helper' },
      leaseMs: 6_000,
      run: {
        id: 'run_1',
        createdAt: '2026-01-01T00:00:00.000Z',
        params: {},
        ...(changes.feedback === undefined ? {} : { feedback: changes.feedback }),
      },
    },
    inputs: {
      refs: changes.refs ?? {},
      upstreamEnv: changes.upstreamEnv ?? {},
      ...(changes.item === undefined ? {} : { item: changes.item }),
    },
    workDir: changes.workDir ?? '/private',
    ...(changes.stores === undefined ? {} : { stores: changes.stores }),
    ...(changes.checkpoints === undefined ? {} : { checkpoints: changes.checkpoints }),
    ...(changes.mailbox === undefined ? {} : { mailbox: changes.mailbox }),
    ...(changes.workTree === undefined ? {} : { workTree: changes.workTree }),
    ...(changes.playback === undefined ? {} : { playback: changes.playback }),
    sink: {
      started: () => {
        started += 1;
      },
      log: (bytes) => {
        logged += decoder.decode(bytes);
      },
    },
    readSecret: async (name) => {
      const value = changes.secrets?.[name];
      if (value === undefined)
        throw new DomainError('permission_denied', `the task does not declare the secret ${name}`);
      read.add(value);
      return value;
    },
    redact: (value) => redacted(value, read),
    logged: () => logged,
    startedCount: () => started,
  };
};

const redacted = (value: JsonValue, secrets: ReadonlySet<string>): JsonValue =>
  [...secrets].reduce(
    (left, secret) => JSON.parse(JSON.stringify(left).replaceAll(secret, '[redacted]')) as JsonValue,
    value,
  );
