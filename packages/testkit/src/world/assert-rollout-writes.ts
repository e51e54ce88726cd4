import type { RolloutEventType, RolloutId, RolloutRecord, RolloutStatus } from '@skein/domain';
import { isTerminalRollout } from '@skein/domain';
import type { StoreCommit } from './commit-log.ts';
import type { Report } from './history.ts';
import type { RolloutHistory } from './rollout-history.ts';

type Field = keyof RolloutRecord;
type Written = Extract<StoreCommit, { readonly kind: 'written' }>;
type Moment = Extract<StoreCommit, { readonly kind: 'moment' }>;

const live: readonly RolloutStatus[] = ['active', 'paused'];
const open: readonly RolloutStatus[] = ['draft', ...live];
const step: readonly Field[] = ['arms', 'segments', 'stepIndex', 'stepStartedAt', 'stepStartUnits', 'stepApproved'];
const settings: readonly Field[] = ['rules', 'alphaSpent', 'forced', 'onNoData', 'runPolicy', 'replayGate'];
const end: readonly Field[] = ['arms', 'segments', 'status', 'statusReason', 'completedAt', 'policyPending'];

/** From which statuses an event comes, to which it leads (the same one when not said), and what it may change beside that. */
const legal: {
  readonly [type in Exclude<RolloutEventType, 'created'>]: {
    readonly from: readonly RolloutStatus[];
    readonly to?: RolloutStatus;
    readonly changes: readonly Field[];
  };
} = {
  activated: {
    from: ['draft'],
    to: 'active',
    changes: ['statusReason', 'startedAt', 'stepStartedAt', 'stepStartUnits', 'horizonAt', 'replayGate'],
  },
  weight_set: { from: open, changes: [...step, ...settings] },
  step_advanced: { from: ['active'], changes: step },
  approved: { from: live, changes: ['stepApproved'] },
  paused: { from: ['active'], to: 'paused', changes: ['statusReason'] },
  resumed: { from: ['paused'], to: 'active', changes: ['statusReason', 'stepStartedAt', 'horizonAt'] },
  changed: { from: open, changes: settings },
  breached: { from: live, changes: [] },
  promoted: { from: live, to: 'completed', changes: [...end, 'winner'] },
  completed: { from: ['active'], to: 'completed', changes: [...end, 'winner'] },
  rolled_back: { from: open, to: 'rolled_back', changes: [...end, 'policyPending'] },
  cancelled: { from: open, to: 'cancelled', changes: [...end, 'replayGate'] },
  policy_done: { from: ['completed', 'rolled_back', 'cancelled'], changes: ['policyPending'] },
};

/** What every write may change. */
const always: readonly Field[] = [
  'revision',
  'epoch',
  'epochs',
  'updatedAt',
  'lastActor',
  'evidence',
  'status',
  'statusActor',
  'statusDetail',
];

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A write is made of the record before it, of nothing older: what it does not say, it leaves. */
const checkSuccession = (before: RolloutRecord, { record, event }: Written, report: Report): void => {
  const name = `${record.id} revision ${record.revision} (${event.type})`;
  if (isTerminalRollout(before.status) && event.type !== 'policy_done')
    report(`I3: ${name} changes what was ${before.status}`);
  if (event.type === 'created') {
    report(`I2: ${name}: it was created before`);
    return;
  }
  const { from, to, changes } = legal[event.type];
  if (!from.includes(before.status) || record.status !== (to ?? before.status))
    report(`${name} does not follow from what was written: ${before.status} became ${record.status}`);
  const fields = new Set([...Object.keys(before), ...Object.keys(record)]) as ReadonlySet<Field>;
  for (const field of fields) {
    if (changes.includes(field) || always.includes(field) || same(before[field], record[field])) continue;
    report(`${name} does not follow from what was written: ${field} is not what it was`);
  }
  if (!same(before.epochs, record.epochs.slice(0, before.epochs.length)))
    report(`${name} does not follow from what was written: it forgets an epoch`);
  if (before.evidence !== undefined && record.evidence === undefined) report(`${name}: the evidence is gone`);
};

/** I1, I4, I6, O6: at most one live rollout per agent, and what is active is its stable version. */
const checkMoment = ({ live: records, active }: Moment, report: Report): void => {
  const agents = new Map<string, RolloutId>();
  for (const { id, agentId, stableVersionId } of records) {
    const other = agents.get(agentId);
    if (other !== undefined) report(`I1: ${other} and ${id} are live at once for ${agentId}`);
    agents.set(agentId, id);
    if (active[agentId] !== stableVersionId)
      report(`I4: ${id} is live and the active version of ${agentId} is not its stable one`);
  }
};

/** I4, O6: whoever won is active in the same commit. */
const checkWinner = ({ record }: Written, moment: Moment | undefined, report: Report): void => {
  if (record.status !== 'completed') return;
  const winner = record.arms[record.winner ?? -1]?.versionId;
  if (winner === undefined) report(`I4: ${record.id} is completed and nobody won`);
  else if (moment?.active[record.agentId] !== winner)
    report(`I4: ${record.id} is completed and its winner is not active`);
};

/** I1 to I4, I6, O6, and that each revision is one action with one event. */
export const checkWrites = ({ commits, rollouts, events }: RolloutHistory, report: Report): void => {
  const last = new Map<RolloutId, RolloutRecord>();
  const moments = new Map<number, Moment>();
  for (const commit of commits) {
    if (commit.kind !== 'moment') continue;
    moments.set(commit.order, commit);
    checkMoment(commit, report);
  }
  const written: string[] = [];
  for (const commit of commits) {
    if (commit.kind !== 'written') continue;
    const { record, event } = commit;
    const before = last.get(record.id);
    const expected = (before?.revision ?? 0) + 1;
    if (record.revision !== expected)
      report(`I2: ${record.id} is written at revision ${record.revision} after ${expected - 1}`);
    if (before !== undefined) checkSuccession(before, commit, report);
    // A later end of the run policy says nothing of who is active.
    if (event.type !== 'policy_done') checkWinner(commit, moments.get(commit.order), report);
    written.push(`${record.id} ${event.revision} ${event.type}`);
    last.set(record.id, record);
  }
  const told = events.map(({ rolloutId, revision, type }) => `${rolloutId} ${revision} ${type}`);
  if (!same(told, written)) {
    const missing = written.filter((one) => !told.includes(one));
    const more = told.filter((one) => !written.includes(one));
    report(`I2: events and writes differ: not told ${missing.join()}; not written ${more.join()}`);
  }
  if (new Set(told).size !== told.length) report('I2: an event is told twice');
  for (const { record } of rollouts)
    if (!same(record, last.get(record.id))) report(`I3: ${record.id} is not as it was written last`);
};

/** Every event reached every receiver at least once, in order: repetitions come after the first time. */
export const checkReceived = ({ events, received }: RolloutHistory, report: Report): void => {
  for (const [webhook, messages] of Object.entries(received)) {
    let last = 0;
    const seen = new Set<number>();
    for (const { seq } of messages) {
      if (seen.has(seq)) continue;
      seen.add(seq);
      if (seq !== last + 1) report(`webhook ${webhook}: event ${seq} came first after ${last}`);
      last = Math.max(last, seq);
    }
    for (const { seq } of events) if (!seen.has(seq)) report(`webhook ${webhook}: event ${seq} never came`);
  }
};
