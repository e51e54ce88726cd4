import pg from 'pg';
import { latencies, median, round3, throughput } from '../measure.ts';

/** What raw `pg` does with rows of about 230 bytes and two indexes, every commit waited for. */
export interface PostgresAnchor {
  /** Median of one insert in a transaction of its own on one connection, ms. */
  readonly commitMs: number;
  /** The same per second over 32 connections. */
  readonly commitsPerSecond: number;
  /** Rows per second, one connection, 1,000 rows in one `insert … select unnest`. */
  readonly unnestRowsPerSecond: number;
}

const table = `
create table if not exists anchor_fact (id bigserial primary key, run text, node text, kind text, body text);
create index if not exists anchor_fact_run on anchor_fact (run, node)`;
const body = 'p'.repeat(200);
const clients = 32;
const batchRows = 1_000;

/** Measures on this database, whose server should wait for the disk. */
export const measurePostgres = async (url: string, samples: number): Promise<PostgresAnchor> => {
  const pool = new pg.Pool({ connectionString: url, max: clients });
  pool.on('error', () => undefined);
  const insert = (index: number) => ({
    name: 'insert',
    text: 'insert into anchor_fact (run, node, kind, body) values ($1, $2, $3, $4)',
    values: [`run-${index % 500}`, `node-${index}`, 'finished', body],
  });
  const rows = Array.from({ length: batchRows }, (_, index) => index);
  const batch = {
    name: 'batch',
    text: 'insert into anchor_fact (run, node, kind, body) select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])',
    values: [
      rows.map((index) => `run-${index % 500}`),
      rows.map((index) => `node-${index}`),
      rows.map(() => 'finished'),
      rows.map(() => body),
    ],
  };
  try {
    await pool.query(table);
    await throughput(samples, clients, (index) => pool.query(insert(index)));
    const commitsPerSecond = await throughput(samples * 4, clients, (index) => pool.query(insert(index)));
    const one = await pool.connect();
    try {
      const commitMs = median(await latencies(samples, (index) => one.query(insert(index))));
      await one.query(batch);
      const batches = await throughput(Math.max(5, Math.round(samples / 40)), 1, () => one.query(batch));
      return {
        commitMs: round3(commitMs),
        commitsPerSecond: round3(commitsPerSecond),
        unnestRowsPerSecond: round3(batches * batchRows),
      };
    } finally {
      one.release();
    }
  } finally {
    await pool.query('drop table if exists anchor_fact');
    await pool.end();
  }
};
