import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startProcess } from '../measure.ts';

/** A run as far as the figures read it. */
export interface FinishedRun {
  readonly runId: string;
  readonly status: string;
  readonly steps: readonly { readonly outputs: { readonly startedAt?: number } }[];
}

/** A coordinator process on a libSQL file with full synchronous writes, and one warm worker process. */
export interface Cluster {
  /** Submits over HTTP and waits for the end in the same call. */
  run(dag: string): Promise<FinishedRun>;
  /** Submits over HTTP; resolves when the run is durable. */
  submit(dag: string): Promise<FinishedRun>;
  stop(): Promise<void>;
}

const noops = (count: number, chained: boolean): string =>
  Array.from(
    { length: count },
    (_, index) => `  - id: s${index}\n    type: noop\n${chained && index > 0 ? `    depends: s${index - 1}\n` : ''}`,
  ).join('');

const project: Readonly<Record<string, string>> = {
  one: `name: one\nsteps:\n${noops(1, false)}`,
  chain: `name: chain\nsteps:\n${noops(20, true)}`,
};

const until = async <T>(what: string, find: () => T | undefined | Promise<T | undefined>): Promise<T> => {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const found = await find();
    if (found !== undefined) return found;
    await sleep(20);
  }
  throw new Error(`not within 20 s: ${what}`);
};

/** Starts both processes on free ports in a temporary folder. Needs the build. */
export const startCluster = async (): Promise<Cluster> => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const main = fileURLToPath(new URL('../../../apps/coordinator/dist/main.js', import.meta.url));
  if (!existsSync(main)) throw new Error('build first: npm run build');
  mkdirSync(join(folder, 'project', 'dags'), { recursive: true });
  for (const [name, text] of Object.entries(project))
    writeFileSync(join(folder, 'project', 'dags', `${name}.yaml`), text);
  const data = join(folder, 'data');
  const coordinator = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      SKEIN_DATA: data,
      SKEIN_HTTP: '127.0.0.1:0',
      SKEIN_GRPC: '127.0.0.1:0',
      SKEIN_PROJECT: join(folder, 'project'),
      SKEIN_LOG_LEVEL: 'error',
    },
  });
  const killWithParent = () => coordinator.kill('SIGKILL');
  process.once('exit', killWithParent);
  const exited = new Promise<void>((resolve) => coordinator.once('exit', () => resolve()));
  const endpointFile = join(data, 'endpoint.json');
  await until('endpoint.json', () => (existsSync(endpointFile) ? true : undefined));
  const endpoint = JSON.parse(readFileSync(endpointFile, 'utf8')) as {
    http: string;
    grpc: string;
    adminTokenFile: string;
  };
  const token = readFileSync(endpoint.adminTokenFile, 'utf8').trim();
  const joinToken = readFileSync(join(data, 'join-token'), 'utf8').trim();
  const worker = await startProcess(new URL('./instant-worker.ts', import.meta.url), [endpoint.grpc, joinToken, '512']);
  const agent = new Agent({ keepAlive: true, maxSockets: 1_024 });

  const call = (method: string, path: string, body?: string): Promise<FinishedRun> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        `${endpoint.http}${path}`,
        {
          method,
          agent,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            if ((answer.statusCode ?? 500) >= 300) reject(new Error(`${answer.statusCode}: ${text}`));
            else resolve(JSON.parse(text) as FinishedRun);
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  await until('the worker joined', async () => {
    const { items } = (await call('GET', '/api/workers')) as unknown as { items: readonly { state: string }[] };
    return items.some((item) => item.state === 'connected') ? true : undefined;
  });
  return {
    run: async (dag) => {
      const run = await call('POST', '/api/runs?waitMs=30000', JSON.stringify({ dag }));
      if (run.status !== 'succeeded') throw new Error(`run ${run.runId} is ${run.status}`);
      return run;
    },
    submit: (dag) => call('POST', '/api/runs', JSON.stringify({ dag })),
    stop: async () => {
      agent.destroy();
      await worker.stop();
      process.off('exit', killWithParent);
      coordinator.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
