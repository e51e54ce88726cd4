import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { expect, test, vi } from 'vitest';
import { startPostgresServer } from './postgres-server.ts';
import { hasRedis, startRedis } from './redis-server.ts';
import { startPostgres } from './start-postgres.ts';

const query = async (url: string, sql: string): Promise<readonly unknown[]> => {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('each who asks for a database has an empty one, which is gone afterwards', async () => {
  const [one, two] = await Promise.all([startPostgres(), startPostgres()]);
  await query(one.url, 'create table here (id integer)');
  const tables = "select tablename from pg_tables where schemaname = 'public'";
  expect(await query(one.url, tables)).toHaveLength(1);
  expect(await query(two.url, tables)).toHaveLength(0);
  await one.stop();
  await one.stop();
  await expect(query(one.url, 'select 1')).rejects.toThrow();
  await two.stop();
});

test('a server that is killed and started again has what was committed; one that is stopped leaves nothing behind', async () => {
  const server = await startPostgresServer();
  const [{ folder }] = (await query(server.url, "select current_setting('data_directory') as folder")) as [
    { readonly folder: string },
  ];
  await query(server.url, 'create table kept (id integer)');
  const held = new Client({ connectionString: server.url });
  held.on('error', () => {});
  await held.connect();
  for (const id of [1, 2, 3]) {
    await query(server.url, `insert into kept values (${id})`);
    await server.kill();
    await expect(query(server.url, 'select 1')).rejects.toThrow();
    await server.start();
  }
  expect(await query(server.url, 'select id from kept order by id')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
  await held.end().catch(() => {});
  const pid = server.pid as number;
  await server.stop();
  await server.stop();
  expect([isAlive(pid), existsSync(dirname(folder))]).toEqual([false, false]);
});

test.skipIf(!(await hasRedis()))('a Redis of one’s own can be killed and started again', async (context) => {
  const redis = await startRedis({ appendOnly: true });
  if (!redis.own) return context.skip('this Redis is not ours');
  const port = new URL(redis.url).port;
  const ask = (...args: string[]) => execFileSync('redis-cli', ['-p', port, ...args], { encoding: 'utf8' }).trim();
  expect(ask('set', 'key', '7')).toBe('OK');
  await redis.kill();
  await redis.start();
  expect(ask('get', 'key')).toBe('7');
  const pid = redis.pid as number;
  await redis.stop();
  expect(isAlive(pid)).toBe(false);
});

test('servers go with the process that started them, also when it is killed', async () => {
  const code = `
    import { startPostgresServer } from ${JSON.stringify(new URL('./postgres-server.ts', import.meta.url).href)};
    const server = await startPostgresServer();
    console.log(JSON.stringify([server.pid, server.url]));
    setInterval(() => {}, 1000);
  `;
  const flags = ['--conditions', 'skein-source', '--import', 'tsx'];
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: dirname(fileURLToPath(import.meta.url)),
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const [pid, url] = JSON.parse(line) as [number, string];
  const [row] = await query(url, "select current_setting('data_directory') as folder");
  const folder = dirname((row as { readonly folder: string }).folder);
  expect([isAlive(pid), existsSync(folder)]).toEqual([true, true]);
  child.kill('SIGKILL');
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 30_000);
  await vi.waitFor(() => expect(existsSync(folder)).toBe(false), 30_000);
});
