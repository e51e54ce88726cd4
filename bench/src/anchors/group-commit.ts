import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { writtenBytes } from '../delivery/written-bytes.ts';
import { round3, throughput } from '../measure.ts';

/** What group commit of one row each gives without anything around it. */
export interface GroupCommitAnchor {
  readonly rowsPerSecond: number;
  /** Bytes that went to the disk for each row; undefined where the system does not say. */
  readonly bytesPerRow: number | undefined;
}

/** Rows of `bodyBytes` with `callers` of them waiting for durability at any time; libSQL, WAL, synchronous=FULL, one transaction for all that wait. */
export const measureGroupCommit = async (
  rows: number,
  callers: number,
  bodyBytes: number,
): Promise<GroupCommitAnchor> => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-group-'));
  const database = new Database(join(folder, 'anchor.db'));
  try {
    database.exec('PRAGMA journal_mode=WAL');
    database.exec('PRAGMA synchronous=FULL');
    database.exec('CREATE TABLE fact (id INTEGER PRIMARY KEY, run TEXT, seq INTEGER, kind TEXT, body TEXT)');
    database.exec('CREATE INDEX fact_run ON fact (run, seq)');
    const insert = database.prepare('INSERT INTO fact (run, seq, kind, body) VALUES (?, ?, ?, ?)');
    const body = 'x'.repeat(bodyBytes);
    let waiting: (() => void)[] = [];
    let asked = false;
    const flush = (): void => {
      asked = false;
      const batch = waiting;
      waiting = [];
      database.exec('BEGIN IMMEDIATE');
      for (let index = 0; index < batch.length; index += 1) insert.run(`run_${index % 97}`, index, 'finished', body);
      database.exec('COMMIT');
      for (const resolve of batch) resolve();
    };
    const commit = () =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (asked) return;
        asked = true;
        setImmediate(flush);
      });
    await throughput(callers * 10, callers, commit);
    const before = writtenBytes(process.pid);
    const rowsPerSecond = round3(await throughput(rows, callers, commit));
    const after = writtenBytes(process.pid);
    const bytesPerRow = before === undefined || after === undefined ? undefined : round3((after - before) / rows);
    return { rowsPerSecond, bytesPerRow };
  } finally {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
};
