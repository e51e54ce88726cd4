import type { MetricNumbers, RolloutId, RolloutRecord, TenantId } from '@skein/domain';
import { addToResults, createResults, DomainError, isLive, resultsOf } from '@skein/domain';
import type { Observation, Page, RolloutEventPage } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { shadowResults } from '../evaluation/shadow-summary.ts';
import { requireAgent, shownOf } from './find-rollout.ts';
import type { RolloutResults, RolloutView } from './rollout-views.ts';
import { viewRollout } from './view-rollout.ts';

/** Units that are read at once. */
const pageUnits = 1_000;

/** The largest page of a list, and of observations or events. */
const maxPerPage = 100;
const maxRows = 1_000;

const refused = (message: string, field: string): DomainError =>
  new DomainError('invalid_argument', message, { problems: [{ message, field }] });

const scoresOf = (metrics: readonly MetricNumbers[]): RolloutResults['allocations'][number]['scores'] =>
  Object.fromEntries(
    metrics
      .filter(({ metric }) => metric.startsWith('score:'))
      .map(({ metric, mean, sd, count, min, max }) => [
        metric.slice('score:'.length),
        { avg: mean, stddev: sd, count, min, max },
      ]),
  );

/** Everything that was measured, in pages of units, so that memory does not grow with them; also after the end. */
export const readResults = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  rolloutId?: RolloutId,
): Promise<RolloutResults> => {
  const { rollouts } = engine.deps;
  const record = await shownOf(engine, tenant, agentId, rolloutId);
  let results = createResults(record);
  for (let last = 0; ; ) {
    const units = await rollouts.readUnits(tenant, record.id, last, pageUnits);
    results = addToResults(results, units);
    last = units.at(-1)?.seq ?? last;
    if (units.length < pageUnits) break;
  }
  const [stored, tallies, view, shadow] = await Promise.all([
    rollouts.loadEvidence(tenant, record.id),
    rollouts.readTallies(tenant, record.id),
    viewRollout(engine, record),
    shadowResults(engine, tenant, record.id),
  ]);
  const numbers = resultsOf(record, results, stored.evidence);
  return {
    rolloutId: record.id,
    agentId,
    type: record.type,
    status: record.status,
    epochs: numbers.epochs,
    alpha: numbers.alpha,
    alphaSpent: numbers.alphaSpent,
    srm: numbers.srm,
    tallies: Object.fromEntries(Object.entries(tallies).filter(([kind]) => !kind.startsWith('arm:'))),
    unrouted: tallies.unrouted ?? 0,
    missing: numbers.missing,
    allocations: record.arms.map(({ versionId, label }, arm) => {
      const { units = 0, metrics = [] } = numbers.arms[arm] ?? {};
      const requestCount = tallies[`arm:${arm}`] ?? 0;
      return { versionId, label, units, requestCount, metrics, scores: scoresOf(metrics) };
    }),
    ...(shadow === undefined ? {} : { shadow }),
    explanation: view.explanation,
  };
};

/** Newest first; `page` from 1. Throws `invalid_argument`, `not_found`. */
export const listRollouts = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string | undefined,
  page: number,
  perPage: number | false,
): Promise<{
  readonly rollouts: readonly RolloutView[];
  readonly total: number;
  readonly page: number;
  readonly perPage: number | false;
}> => {
  if (!Number.isSafeInteger(page) || page < 1) throw refused('pages are counted from 1', 'page');
  if (perPage !== false && (!Number.isSafeInteger(perPage) || perPage < 1 || perPage > maxPerPage))
    throw refused(`must be 1 to ${maxPerPage}, or false for all`, 'perPage');
  if (agentId !== undefined) await requireAgent(engine, tenant, agentId);
  // Pages of the store are counted from 0; all of them are one page.
  const [at, size] = perPage === false ? [0, 0] : [page - 1, perPage];
  const { rollouts, total } = await engine.deps.rollouts.list(tenant, agentId, at, size);
  const views: RolloutView[] = [];
  for (const record of rollouts) views.push(await viewRollout(engine, record));
  return { rollouts: views, total, page, perPage };
};

/** One row per counted unit and metric, from which anyone can compute the e-values again. */
export const listObservations = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  options: {
    readonly rolloutId?: RolloutId;
    readonly metric?: string;
    readonly limit: number;
    readonly cursor?: string;
  },
): Promise<Page<Observation> & { readonly rolloutId: RolloutId; readonly arms: readonly string[] }> => {
  const { rolloutId, metric, limit, cursor } = options;
  if (!Number.isSafeInteger(limit) || limit < 1) throw refused('must be a positive number', 'limit');
  const record: RolloutRecord = await shownOf(engine, tenant, agentId, rolloutId);
  const { rollouts } = engine.deps;
  const page = await rollouts.listObservations(tenant, record.id, metric, Math.min(limit, maxRows), cursor);
  return { ...page, rolloutId: record.id, arms: record.arms.map(({ label }) => label) };
};

/** What happened to rollouts, in order. */
export const readRolloutEvents = async (
  engine: Engine,
  tenant: TenantId,
  afterSeq: number,
  limit: number,
): Promise<RolloutEventPage> => {
  if (!Number.isSafeInteger(afterSeq) || afterSeq < 0) throw refused('the cursor is not one of this list', 'after');
  const wanted = Number.isSafeInteger(limit) ? limit : maxRows;
  return engine.deps.rollouts.readEvents(tenant, afterSeq, Math.max(1, Math.min(wanted, maxRows)));
};

/** True while the view of a record may change. */
export const mayChange = ({ status }: Pick<RolloutRecord, 'status'>): boolean => isLive(status) || status === 'draft';
