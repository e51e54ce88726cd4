import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { latencies, median, round3 } from '../measure.ts';

/** Median milliseconds of one durable commit: one 200-byte row, libSQL, WAL, synchronous=FULL (C). */
export const measureCommit = async (samples: number): Promise<number> => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-commit-'));
  const database = new Database(join(folder, 'anchor.db'));
  try {
    database.exec('PRAGMA journal_mode=WAL');
    database.exec('PRAGMA synchronous=FULL');
    database.exec('CREATE TABLE fact (id INTEGER PRIMARY KEY, run TEXT, seq INTEGER, kind TEXT, body TEXT)');
    database.exec('CREATE INDEX fact_run ON fact (run, seq)');
    const insert = database.prepare('INSERT INTO fact (run, seq, kind, body) VALUES (?, ?, ?, ?)');
    const body = 'x'.repeat(200);
    const commit = async (index: number) => void insert.run(`run_${index % 97}`, index, 'finished', body);
    await latencies(300, commit);
    return round3(median(await latencies(samples, commit)));
  } finally {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
};
