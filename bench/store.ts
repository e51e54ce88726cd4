// Durable appends per second through the run store, beside a raw libSQL group-commit loop in the same process and run.
// Each round measures both in turn, so that a noisy neighbour hits both; the figures are medians of the rounds.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunFact } from '@skein/domain';
import type { RunHead, RunStore } from '@skein/ports';
import { openSqlStores } from '@skein/store-sql';
import { createMemoryLog, createNodeHasher, createSequenceIds, creating, FakeClock, going } from '@skein/testkit';

interface Figure {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const rounds = 5;
const folder = mkdtempSync(join(tmpdir(), 'skein-bench-store-'));

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/** `callers` loops, each awaiting durability before its next write. */
const measure = async (callers: number, total: number, write: (caller: number) => Promise<void>): Promise<Figure> => {
  const waits: number[] = [];
  let left = total;
  const loop = async (caller: number): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const from = performance.now();
      await write(caller);
      waits.push(performance.now() - from);
    }
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
  const seconds = (performance.now() - from) / 1_000;
  waits.sort((a, b) => a - b);
  return { perSecond: waits.length / seconds, p50Ms: quantile(waits, 0.5), p99Ms: quantile(waits, 0.99) };
};

const fact = (step: number): RunFact => ({
  type: 'step_leased',
  v: 1,
  at: 1_700_000_000_000 + step,
  step: `step-${step % 20}`,
  attempt: 1,
  workerId: 'wrk_0190a000-0000-7000-8000-000000000000',
  sessionId: 'ses_0190a000-0000-7000-8000-000000000000',
});

/** Appends of a run: its creation, then one for each of its steps. */
const appendsPerRun = 5;

/** Each caller takes its runs from creation to end; the head moves, one row follows. */
const appender = (runs: RunStore): ((caller: number) => Promise<void>) => {
  const heads = new Map<number, RunHead>();
  return async (caller) => {
    const head = heads.get(caller);
    const finished = head?.seq === appendsPerRun - 1;
    const change = finished ? ({ status: 'succeeded', finishedAt: 2 } as const) : {};
    const request =
      head === undefined
        ? creating(ids.next('run'), { status: 'running', shard: caller % 256 })
        : going(head, [fact(head.seq)], change);
    const outcome = await runs.append(request);
    if (outcome.status !== 'appended') throw new Error(`unexpected ${outcome.status}`);
    if (finished) heads.delete(caller);
    else heads.set(caller, request.head);
  };
};

/** The raw loop: one connection on this thread, one row per write, all that is queued goes in the next commit. */
const rawGroup = (path: string): ((caller: number) => Promise<void>) => {
  const Database = createRequire(import.meta.resolve('@skein/store-sql'))('libsql');
  const database = new Database(path);
  database.exec('PRAGMA journal_mode=WAL');
  database.exec('PRAGMA synchronous=FULL');
  database.exec('PRAGMA wal_autocheckpoint=1000');
  database.exec(
    'CREATE TABLE ev(id INTEGER PRIMARY KEY, run TEXT, node TEXT, st TEXT, body TEXT); CREATE INDEX ix ON ev(run,node)',
  );
  const insert = database.prepare('INSERT INTO ev(run,node,st,body) VALUES(?,?,?,?)');
  const [begin, commit] = [database.prepare('BEGIN IMMEDIATE'), database.prepare('COMMIT')];
  const body = JSON.stringify([fact(1)]);
  let queue: { readonly caller: number; readonly resolve: () => void }[] = [];
  let underWay = false;
  const flush = (): void => {
    const batch = queue;
    queue = [];
    begin.run([]);
    for (const { caller } of batch) insert.run([`run-${caller}`, 'node', 'done', body]);
    commit.run([]);
    for (const { resolve } of batch) resolve();
    underWay = queue.length > 0;
    if (underWay) setImmediate(flush);
  };
  return (caller) =>
    new Promise((resolve) => {
      queue.push({ caller, resolve });
      if (underWay) return;
      underWay = true;
      setImmediate(flush);
    });
};

const median = (figures: readonly Figure[]): Figure => {
  const of = (pick: (figure: Figure) => number) =>
    quantile(
      figures.map(pick).toSorted((a, b) => a - b),
      0.5,
    );
  return { perSecond: of((f) => f.perSecond), p50Ms: of((f) => f.p50Ms), p99Ms: of((f) => f.p99Ms) };
};

const show = ({ perSecond, p50Ms, p99Ms }: Figure) => ({
  perSecond: Math.round(perSecond),
  p50Ms: Number(p50Ms.toFixed(3)),
  p99Ms: Number(p99Ms.toFixed(3)),
});

// Like UUIDv7, ids rise with time.
const ids = createSequenceIds();
const stores = await openSqlStores({
  dataDir: join(folder, 'store'),
  clock: new FakeClock(),
  log: createMemoryLog(),
  ids,
  hasher: createNodeHasher(),
});
const raw = rawGroup(join(folder, 'raw.db'));
for (const callers of [1, 64, 256]) {
  const append = appender(stores.runs);
  const total = Math.min(20_000, 1_500 + callers * 150);
  await measure(callers, total / 4, append);
  await measure(callers, total / 4, raw);
  const store: Figure[] = [];
  const loop: Figure[] = [];
  for (let round = 0; round < rounds; round += 1) {
    store.push(await measure(callers, total, append));
    loop.push(await measure(callers, total, raw));
  }
  const [ours, theirs] = [median(store), median(loop)];
  const ratio = Number((ours.perSecond / theirs.perSecond).toFixed(2));
  process.stdout.write(`${JSON.stringify({ callers, store: show(ours), rawGroupCommit: show(theirs), ratio })}\n`);
}
await stores.close();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
