import type { JsonValue } from '@skein/domain';
import type { LRUCache } from 'lru-cache';
import type { AuditLog } from '../audit/audit-log.ts';
import type { EventWriter } from '../delivery/event-writer.ts';
import type { FencedTasks } from '../delivery/fenced-writes.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { RedeliveryBudget } from '../dispatch/redelivery-budget.ts';
import type { TaskClasses } from '../dispatch/task-class.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Members } from '../members/members.ts';
import type { Peers } from '../peers/peers.ts';
import type { DagCache } from '../project/dag-cache.ts';
import type { RunWatchers } from '../query/run-watchers.ts';
import type { Evaluator } from '../rollout/evaluator.ts';
import type { WebhookLoop } from '../rollout/webhook-loop.ts';
import type { OpenCalls } from '../run/open-calls.ts';
import type { RunActor } from '../run/run-actor.ts';
import type { RunTable } from '../run/run-table.ts';
import type { TreeSizes } from '../run/tree-sizes.ts';
import type { Scoring } from '../scoring/scoring.ts';
import type { AdmissionWindow } from '../submit/admission-window.ts';
import type { SealedSnapshots } from '../submit/sealed-snapshots.ts';
import type { TokenCache } from '../token/token-cache.ts';
import type { CoordinatorConfig, CoordinatorDeps } from './coordinator-deps.ts';
import type { DueWheel } from './due-wheel.ts';
import type { Health } from './health.ts';
import type { StoreGate } from './store-gate.ts';

/** What one coordinator holds in memory: a cache of the log, its workers, and nothing that a crash could lose. */
export interface Engine {
  readonly deps: CoordinatorDeps;
  readonly config: CoordinatorConfig;
  readonly runs: RunTable;
  readonly fleet: Fleet;
  readonly dispatcher: Dispatcher;
  readonly redeliveries: RedeliveryBudget;
  readonly classes: TaskClasses;
  readonly events: EventWriter;
  readonly members: Members;
  readonly peers: Peers;
  readonly fenced: FencedTasks;
  readonly wheel: DueWheel;
  readonly watchers: RunWatchers;
  readonly calls: OpenCalls;
  readonly trees: TreeSizes;
  readonly dags: DagCache;
  readonly sealed: SealedSnapshots;
  readonly window: AdmissionWindow;
  readonly tokens: TokenCache;
  readonly audit: AuditLog;
  readonly health: Health;
  readonly store: StoreGate;
  readonly evaluator: Evaluator;
  readonly scoring: Scoring;
  readonly webhooks: WebhookLoop;
  /** Parsed values of blobs, by tenant and digest. */
  readonly values: LRUCache<string, NonNullable<JsonValue>>;
  /** Gives the run a turn at the end of the current callback. */
  readonly wake: (actor: RunActor) => void;
  /** `starting` refuses workers; `stopped` appends nothing more. */
  phase: 'new' | 'starting' | 'running' | 'stopped';
}
