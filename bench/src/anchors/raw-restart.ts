import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { medianOf, nowMs, round3 } from '../measure.ts';

/** Median ms from starting a plain Node process until it has read so many open rows of 200 bytes from libSQL. */
export const measureRawRestart = async (rows: number, times: number): Promise<number> => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-restart-'));
  const path = join(folder, 'anchor.db');
  const database = new Database(path);
  database.exec('PRAGMA journal_mode=WAL');
  database.exec('CREATE TABLE fact (id INTEGER PRIMARY KEY, run TEXT, seq INTEGER, kind TEXT, body TEXT)');
  database.exec('BEGIN');
  const insert = database.prepare('INSERT INTO fact (run, seq, kind, body) VALUES (?, ?, ?, ?)');
  for (let index = 0; index < rows; index += 1) insert.run(`run_${index}`, 1, 'open', 'x'.repeat(200));
  database.exec('COMMIT');
  database.close();
  const script = fileURLToPath(new URL('./read-rows.mjs', import.meta.url));
  try {
    return round3(
      await medianOf(times, async () => {
        const begin = nowMs();
        const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
        const at = await new Promise<number>((resolve, reject) => {
          child.once('message', () => resolve(nowMs()));
          child.once('exit', (code) => reject(new Error(`the reader of rows ended with ${code}`)));
        });
        await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(undefined)));
        return at - begin;
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
