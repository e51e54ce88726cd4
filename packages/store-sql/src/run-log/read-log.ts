import { DomainError, type RunFact, type RunId, type TenantId } from '@skein/domain';
import { dialectOf } from '../sql/dialect.ts';
import type { Queries } from '../sql/schema.ts';
import { rowChecksum } from './row-checksum.ts';

/*
 * Reading a log is also proving it: head and rows are read by one statement, so that they belong together, and what does not fit is
 * `data_corrupt` with the run and the number of the fact where it breaks. Never is a damaged log empty, or cut short.
 * V1 Each row has the content and the place that its checksum was made of.
 * V2 The rows follow one another without a hole, from the first that is wanted to the head.
 * V3 A run without a head has no facts either.
 */

interface LogRow {
  readonly head_seq: number;
  readonly pruned_seq: number | null;
  readonly seq: number | null;
  readonly facts: ArrayBuffer | null;
  readonly checksum: number | null;
}

/**
 * The statement; exported for the test of its plan. The row that holds fact `afterSeq + 1` is the last that begins there or before. With a
 * limit no row is read that begins after the last wanted fact, because one row may hold hundreds; what was pruned stands before the first.
 */
export const logQuery = (
  queries: Queries,
  tenant: TenantId,
  runId: RunId,
  afterSeq: number,
  limit: number | undefined,
) => {
  const begin = queries
    .selectFrom('run_log')
    .where('tenant', '=', tenant)
    .where('run_id', '=', runId)
    .select((eb) => eb.fn.max('seq').as('seq'))
    .where('seq', '<=', afterSeq + 1);
  return queries
    .selectFrom('run_head as head')
    .leftJoin('run_log as log', (join) =>
      join
        .on('log.tenant', '=', tenant)
        .on('log.run_id', '=', runId)
        .on('log.seq', '>=', (eb) => eb.fn.coalesce(begin, eb.lit(0)))
        .$call((on) =>
          limit === undefined
            ? on
            : on.on('log.seq', '<=', (eb) => eb(eb.fn.coalesce('head.pruned_seq', eb.lit(0)), '+', afterSeq + limit)),
        ),
    )
    .where('head.tenant', '=', tenant)
    .where('head.run_id', '=', runId)
    .select(['head.seq as head_seq', 'head.pruned_seq', 'log.seq', 'log.checksum'])
    .select(dialectOf(queries).textBytes('log.facts').as('facts'))
    .orderBy('log.seq')
    .$if(limit !== undefined, (query) => query.limit(Math.max(1, limit ?? 0)));
};

/** See `RunStore.readFacts`. */
export const readLog = async (
  queries: Queries,
  tenant: TenantId,
  runId: RunId,
  afterSeq: number,
  limit: number | undefined,
): Promise<readonly RunFact[]> => {
  const rows: readonly LogRow[] = await logQuery(queries, tenant, runId, afterSeq, limit).execute();
  const first = rows[0];
  if (first === undefined) return refuseMissing(queries, tenant, runId);
  const [head, pruned] = [Number(first.head_seq), Number(first.pruned_seq ?? 0)];
  const facts: RunFact[] = [];
  const after = Math.max(afterSeq, pruned);
  let next = pruned + 1;
  let skip = 0;
  for (const row of rows) {
    if (row.seq === null || row.facts === null) break;
    const seq = Number(row.seq);
    if (row === first && seq <= after + 1) {
      next = seq;
      skip = after + 1 - seq;
    }
    if (seq !== next) throw damaged(runId, next, 'a fact is missing'); // V2
    const bytes = Buffer.from(row.facts);
    const own = row.checksum === null || rowChecksum(tenant, runId, seq, bytes) === Number(row.checksum);
    if (!own) throw damaged(runId, seq, 'the checksum of a row is wrong'); // V1
    const parsed = parseRow(runId, seq, bytes);
    facts.push(...parsed);
    next += parsed.length;
  }
  const last = limit === undefined ? head : Math.min(head, after + limit);
  if (next > head + 1 || next <= last) throw damaged(runId, next, 'a fact is missing'); // V2
  return facts.slice(skip, limit === undefined ? undefined : skip + limit);
};

/** V3 */
const refuseMissing = async (queries: Queries, tenant: TenantId, runId: RunId): Promise<never> => {
  const row = await queries
    .selectFrom('run_log')
    .select('seq')
    .where('tenant', '=', tenant)
    .where('run_id', '=', runId)
    .limit(1)
    .executeTakeFirst();
  if (row !== undefined) throw damaged(runId, Number(row.seq), 'the head of the run is missing');
  throw new DomainError('not_found', `there is no run ${runId}`, { runId });
};

const parseRow = (runId: RunId, seq: number, bytes: Buffer): readonly RunFact[] => {
  try {
    return JSON.parse(bytes.toString()) as RunFact[];
  } catch (error) {
    throw damaged(runId, seq, 'a row is no JSON', error);
  }
};

/** The typed error of a log that cannot be trusted. `seq` is where it breaks. */
export const damaged = (runId: RunId, seq: number, what: string, cause?: unknown): DomainError =>
  new DomainError('data_corrupt', `the log of ${runId} is damaged at fact ${seq}: ${what}`, { runId, seq }, cause);
