import type {
  Coordinator,
  CreateTokenOptions,
  ListProposals,
  MemoryDocument,
  ProposalView,
  RunEvent,
  SubmitRun,
} from '@skein/coordinator';
import { DomainError, type RunStatus, type RunView } from '@skein/domain';
import { type TokenRole, tokenRoles } from '@skein/ports';
import { FakeAudit } from './fake-audit.ts';
import { FakeDelivery } from './fake-delivery.ts';
import { FakeRollouts } from './fake-rollouts.ts';
import { FakeSecrets } from './fake-secrets.ts';
import { FakeTriggers } from './fake-triggers.ts';

/** The API token that the fake accepts. */
export const apiToken = 'skein_test-api-token';

/** A token of this role. */
export const tokenOf = (role: TokenRole): string => (role === 'admin' ? apiToken : `${apiToken}-${role}`);

const digest = `sha256:${'ab'.repeat(32)}`;
const at = '2026-11-02T03:04:05.000Z';

interface FakeRun {
  view: RunView;
  readonly events: RunEvent[];
  readonly body: string;
}

/** A coordinator in memory that does what its interface says with no engine behind it: the test moves runs by hand. */
export class FakeCoordinator implements Coordinator {
  readonly coordinatorId = 'crd_1';
  readonly runs = new Map<string, FakeRun>();
  readonly keys = new Map<string, string>();
  readonly applied: Parameters<Coordinator['applyProject']>[1][] = [];
  readonly log: { bytes: Uint8Array; complete: boolean } = { bytes: new Uint8Array(), complete: false };
  readonly memory = new Map<string, MemoryDocument>();
  readonly rollouts = new FakeRollouts();
  readonly audit = new FakeAudit();
  readonly secrets = new FakeSecrets();
  readonly triggers = new FakeTriggers();
  readonly delivery = new FakeDelivery((runId) => this.#run(runId).view);
  readonly proposals: ProposalView[] = [
    {
      proposalId: 'run_1:write[3]:1:0',
      scope: 'agent/writer',
      op: 'append',
      text: 'Be brief.',
      runId: 'run_1',
      step: 'write[3]',
      attempt: 1,
      agentId: 'writer',
      versionId: digest,
      at,
      status: 'review',
      reason: 'the input of its run is not trusted',
    },
  ];
  /** Filters of `listProposals`. */
  readonly asked: ListProposals[] = [];
  /** What runs were asked for by. */
  readonly submits: SubmitRun[] = [];
  /** Streams that are being watched now. */
  watching = 0;
  /** Calls that wait for the end of a run now. */
  waiting = 0;
  #wake: (() => void)[] = [];

  get peerGateway(): never {
    throw new DomainError('unimplemented', 'the fake has no peers');
  }
  get gateway(): never {
    throw new DomainError('unimplemented', 'the fake has no gateway');
  }
  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async submitRun(_tenant: string, submit: SubmitRun) {
    this.submits.push(submit);
    const body = JSON.stringify([submit.dag, submit.params]);
    const known = submit.idempotencyKey === undefined ? undefined : this.keys.get(submit.idempotencyKey);
    if (known !== undefined) {
      const run = this.#run(known);
      if (run.body !== body) throw new DomainError('already_exists', 'this key started another run');
      return { run: run.view, created: false };
    }
    if (submit.dag === 'explodes') throw new Error('secret internals');
    if (submit.dag === 'busy')
      throw new DomainError('resource_exhausted', 'the queue is full', { retryAfterMs: 1_500 });
    if (submit.dag !== 'hello') throw new DomainError('not_found', `no DAG is named "${submit.dag}"`);
    const runId = `run_${this.runs.size + 1}`;
    if (submit.idempotencyKey !== undefined) this.keys.set(submit.idempotencyKey, runId);
    const view: RunView = {
      runId,
      dag: submit.dag,
      dagDigest: digest,
      status: 'running',
      params: submit.params ?? {},
      routingContext: submit.routingContext ?? {},
      createdAt: at,
      agents: {},
      steps: [],
      partial: false,
    };
    this.runs.set(runId, { view, events: [], body });
    this.emit(runId, 'run_submitted');
    return { run: view, created: true };
  }

  /** Adds an event to a run's log. */
  emit(runId: string, type: string, data: RunEvent['data'] = {}): void {
    const { events } = this.#run(runId);
    events.push({ seq: events.length + 1, type, at, runId, data });
    this.wake();
  }

  /** Gives a run its steps. */
  setSteps(runId: string, ...steps: RunView['steps']): void {
    const run = this.#run(runId);
    run.view = { ...run.view, steps };
  }

  /** Ends a run. */
  finish(runId: string, status: Extract<RunStatus, 'succeeded' | 'failed' | 'cancelled'> = 'succeeded'): void {
    const run = this.#run(runId);
    run.view = { ...run.view, status, finishedAt: at };
    this.emit(runId, 'run_finished', { status });
  }

  wake(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  async cancelRun(_tenant: string, runId: string, by: string) {
    const run = this.#run(runId);
    if (run.view.status !== 'running') throw new DomainError('illegal_transition', 'the run has ended');
    this.emit(runId, 'cancel_requested', { by });
    this.finish(runId, 'cancelled');
    return this.#run(runId).view;
  }
  /** Options of `retryRun`. */
  readonly retried: Parameters<Coordinator['retryRun']>[2][] = [];
  async retryRun(tenant: string, runId: string, options: Parameters<Coordinator['retryRun']>[2]) {
    const { view } = this.#run(runId);
    this.retried.push(options);
    return { ...(await this.submitRun(tenant, { dag: view.dag, params: view.params })).run, retryOf: runId };
  }
  async getRun(_tenant: string, runId: string) {
    return this.#run(runId).view;
  }
  async waitRun(_tenant: string, runId: string, _waitMs: number, signal: AbortSignal) {
    this.waiting += 1;
    while (this.#run(runId).view.status === 'running' && !signal.aborted) await this.#next(signal);
    this.waiting -= 1;
    return this.#run(runId).view;
  }
  async listRuns({ limit, cursor }: Parameters<Coordinator['listRuns']>[0]) {
    const all = [...this.runs.values()].toReversed().map(({ view }) => view);
    const start = cursor === undefined ? 0 : Number(cursor.slice(-12));
    const items = all.slice(start, start + limit);
    const nextCursor = `run_00000000-0000-7000-8000-${String(start + limit).padStart(12, '0')}`;
    return start + limit < all.length ? { items, nextCursor } : { items };
  }
  async listItems(_tenant: string, runId: string, stepId: string, limit: number, cursor = '0') {
    this.#run(runId);
    const from = Number(cursor);
    const items = Array.from({ length: Math.max(0, Math.min(3 - from, limit)) }, (_, index) => ({
      id: `${stepId}[${from + index}]`,
      status: 'succeeded' as const,
      attempt: 1,
      outputs: {},
    }));
    return { items };
  }
  async readOutput(_tenant: string, runId: string, step: string, name: string) {
    this.#run(runId);
    return { step, name, large: 'x'.repeat(100) };
  }

  async *watchRun(_tenant: string, runId: string, afterSeq: number, signal: AbortSignal) {
    this.watching += 1;
    try {
      for (let seq = afterSeq; ; ) {
        const run = this.#run(runId);
        const event = run.events[seq];
        if (event !== undefined) {
          seq += 1;
          yield event;
        } else if (run.view.status !== 'running' || signal.aborted) return;
        else await this.#next(signal);
      }
    } finally {
      this.watching -= 1;
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async readLog(_tenant: string, runId: string, _step: string, { offset, limit }: { offset: number; limit: number }) {
    this.#run(runId);
    const bytes = this.log.bytes.slice(offset, offset + limit);
    return { attempt: 1, bytes, next: offset + bytes.length, complete: this.log.complete };
  }

  async sendMessage(...[, runId, step, message, sender]: Parameters<Coordinator['sendMessage']>) {
    return this.delivery.send(runId, step, message, sender);
  }
  async listMessages(_tenant: string, runId: string, step: string) {
    this.#run(runId);
    return this.delivery.messages.filter((message) => message.step === step);
  }
  async readMessage(_tenant: string, runId: string, _step: string, messageId: string) {
    this.#run(runId);
    return this.delivery.read(messageId);
  }
  async waitMessage(...[, runId, , messageId, until, , signal]: Parameters<Coordinator['waitMessage']>) {
    this.#run(runId);
    return this.delivery.wait(messageId, until, signal);
  }
  async listApprovals(_tenant: string, runId?: string) {
    return this.delivery.approvals.filter((approval) => runId === undefined || approval.runId === runId);
  }
  async answerApproval(...[, runId, step, answer]: Parameters<Coordinator['answerApproval']>) {
    return this.delivery.answer(runId, step, answer);
  }
  async pushBack(...[, runId, step, options]: Parameters<Coordinator['pushBack']>) {
    return this.delivery.answer(runId, step, options);
  }
  async listEffects(_tenant: string, runId: string, limit: number, cursor?: string) {
    this.#run(runId);
    return this.delivery.effects(limit, cursor);
  }
  async describeStep(_tenant: string, runId: string, step: string, { transcript }: { transcript: boolean }) {
    this.#run(runId);
    return this.delivery.detail(runId, step, transcript);
  }
  async listDeadLetters(filter: Parameters<Coordinator['listDeadLetters']>[0]) {
    return this.delivery.letters(filter);
  }
  async readDeadLetter(_tenant: string, id: string) {
    return this.delivery.letter(id);
  }
  async redriveDeadLetter(...[, id, options]: Parameters<Coordinator['redriveDeadLetter']>) {
    return this.delivery.redrive(id, options);
  }
  async purgeDeadLetter(_tenant: string, id: string, by: string) {
    return this.delivery.purge(id, by);
  }
  async readDeliveryEvents(_tenant: string, after: number, limit: number) {
    return this.delivery.eventsAfter(after, limit);
  }

  async applyProject(_tenant: string, apply: Parameters<Coordinator['applyProject']>[1]) {
    if (apply.files.length === 0) {
      throw new DomainError('invalid_argument', 'the project is not valid', {
        problems: [{ message: 'no DAG here', file: 'dags/a.yaml', line: 3, column: 5 }],
      });
    }
    this.applied.push(apply);
    if (apply.activate === true && apply.candidate === true) {
      throw new DomainError('invalid_argument', 'a version is made active or a candidate, not both');
    }
    const plan = { agents: [], dags: [], parts: [], memory: [{ scope: 'global', change: 'kept' as const }] };
    return { dryRun: apply.dryRun, warnings: [], agents: [], dags: [], memory: [], plan };
  }
  async listDags() {
    return ['a', 'b', 'c'].map((name) => ({ name, digest, steps: 1 }));
  }
  async getDag(): Promise<never> {
    throw new DomainError('not_found', 'no DAG has this name');
  }
  async listSchedules(_tenant: string, dag?: string) {
    if (dag !== undefined && dag !== 'hello') throw new DomainError('not_found', `no DAG is named "${dag}"`);
    return [{ dag: 'hello', dagDigest: digest, scheduleId: 'nightly', cron: '0 3 * * *', timeZone: 'UTC' }];
  }
  async listAgents() {
    return [{ agentId: 'writer', versions: 1 }];
  }
  async listVersions(_tenant: string, agentId: string) {
    if (agentId !== 'writer') throw new DomainError('not_found', `no agent is named "${agentId}"`);
    return [];
  }
  async diffAgentVersions(_tenant: string, agentId: string, from: string, to: string) {
    const changes = [{ path: 'instructions', kind: 'changed' as const, before: 'a', after: 'b' }];
    return { agentId, from: { versionId: digest, alias: from }, to: { versionId: digest, alias: to }, changes };
  }
  async activateVersion(_tenant: string, _agentId: string, version: string): Promise<never> {
    throw new DomainError('not_found', `no version ${version}`);
  }
  async inspectSnapshot(_tenant: string, wanted: string) {
    if (wanted !== digest) throw new DomainError('not_found', 'no snapshot has this digest');
    const parts = [{ kind: 'soul' as const, name: 'kind', size: 5, digest, askedBy: ['hello/greet'] }];
    return { digest, manifest: { formatVersion: 1 as const, parts }, bytes: 3, uncompressedBytes: 5 };
  }
  async diffSnapshots(_tenant: string, a: string, b: string) {
    return { a, b, added: [], removed: [], changed: [], same: 2 };
  }
  async exportSnapshot() {
    return new Uint8Array([31, 139, 8]);
  }

  async listMemory() {
    return [...this.memory.values()].map(({ scope, revision, bytes }) => ({ scope, revision, bytes }));
  }
  async readMemory(_tenant: string, scope: string, revision?: number) {
    const found = this.memory.get(scope);
    if (found === undefined || (revision !== undefined && revision !== found.revision)) {
      throw new DomainError('not_found', `there is no memory ${scope}`);
    }
    return found;
  }
  async memoryHistory(tenant: string, scope: string, _limit: number, cursor?: string) {
    if (cursor !== undefined) throw new DomainError('invalid_argument', 'the cursor is not one of this list');
    const { text: _text, ...entry } = await this.readMemory(tenant, scope);
    return { items: [entry] };
  }
  async setMemory(
    _tenant: string,
    scope: string,
    text: string,
    { by, expectedRevision }: { by: string; expectedRevision?: number },
  ) {
    const revision = this.memory.get(scope)?.revision ?? 0;
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw new DomainError('version_conflict', `the memory ${scope} is at revision ${revision}`);
    }
    const change = { kind: 'set' as const, by };
    const set = { scope, revision: revision + 1, bytes: text.length, at, change, text };
    this.memory.set(scope, set);
    return set;
  }
  async listProposals(_tenant: string, filter: ListProposals) {
    this.asked.push(filter);
    return { items: this.proposals };
  }
  async reviewProposal(_tenant: string, proposalId: string, verdict: 'approve' | 'reject') {
    const found = this.proposals.find((proposal) => proposal.proposalId === proposalId);
    if (found === undefined) throw new DomainError('not_found', 'no proposal has this id');
    return { ...found, status: verdict === 'approve' ? ('folded' as const) : ('rejected' as const) };
  }
  async revertRun(_tenant: string, runId: string) {
    this.#run(runId);
    return { runId, scopes: [] };
  }
  async foldNow(_tenant: string, scope?: string) {
    return [{ scope: scope ?? 'global', revision: 2, folded: 1, review: 0, dropped: 0 }];
  }

  listWorkers() {
    return [];
  }
  drainWorker(): void {
    throw new DomainError('not_found', 'no worker has this id');
  }
  async createToken(
    _tenant: string,
    kind: 'api' | 'join',
    name: string,
    _ttlMs?: number,
    { role = 'admin' }: CreateTokenOptions = {},
  ) {
    return { token: 'skein_fresh', view: { tokenId: 'tok_1', kind, name, role, createdAt: at } };
  }
  async listTokens() {
    return [];
  }
  async revokeToken(): Promise<void> {}
  async authenticate(token: string, kind: string) {
    const role = tokenRoles.find((each) => token === tokenOf(each));
    if (kind === 'api' && role !== undefined) return { tenant: 'default', tokenId: `tok_${role}`, name: role, role };
    throw new DomainError('unauthenticated', 'the token is not valid');
  }
  readiness() {
    return {
      status: 'ready' as const,
      checks: { store: { ok: true, detail: 'writes in 1 ms' } },
      loopLagMs: 0,
      coordinator: { coordinatorId: 'fake', now: '2026-01-01T00:00:00.000Z', workers: 0, shards: 256, others: [] },
    };
  }

  #run(runId: string): FakeRun {
    const run = this.runs.get(runId);
    if (run === undefined) throw new DomainError('not_found', 'no run has this id');
    return run;
  }
}
