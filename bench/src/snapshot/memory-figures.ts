import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient } from '@skein/sdk';
import { round3 } from '../measure.ts';
import type { Figure } from '../render-figures.ts';
import { startWorkers } from '../skein/bench-worker-options.ts';
import { fanoutOf, projectOf } from './projects.ts';

const mebibyte = 1024 * 1024;

/** Resident memory of a process, in bytes. Linux. */
const residentBytes = (pid: number): number => {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1_024;
};

const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 3_000; tries += 1) {
    if (await isSo()) return;
    await sleep(20);
  }
  throw new Error(`not within 60 s: ${what}`);
};

/** Memory that a coordinator takes on while `workers` workers work from one snapshot of about `bytes`, beside a copy for each of them. */
export const measureMemory = async (workers: number, bytes: number): Promise<Figure | undefined> => {
  if (process.platform !== 'linux') return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-memory-'));
  for (const file of projectOf(bytes, {
    fan: fanoutOf('fan', workers, workers),
  })) {
    const path = join(folder, 'project', file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.bytes);
  }
  const data = join(folder, 'data');
  const coordinator = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../../apps/coordinator/dist/main.js', import.meta.url))],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        SKEIN_DATA: data,
        SKEIN_HTTP: '127.0.0.1:0',
        SKEIN_GRPC: '127.0.0.1:0',
        SKEIN_PROJECT: join(folder, 'project'),
        SKEIN_LOG_LEVEL: 'error',
      },
    },
  );
  const exited = new Promise<void>((resolve) => coordinator.once('exit', () => resolve()));
  const pid = coordinator.pid ?? 0;
  try {
    await until('endpoint.json', () => existsSync(join(data, 'endpoint.json')));
    const found = JSON.parse(readFileSync(join(data, 'endpoint.json'), 'utf8')) as {
      readonly http: string;
      readonly grpc: string;
      readonly adminTokenFile: string;
    };
    const client = createClient({ url: found.http, token: readFileSync(found.adminTokenFile, 'utf8').trim() });
    const joinToken = readFileSync(join(data, 'join-token'), 'utf8').trim();
    const fleet = await startWorkers({
      address: found.grpc,
      token: joinToken,
      workers,
      slots: 1,
      kinds: ['agent'],
      labels: {},
      behaviour: 'hold',
    });
    try {
      await until('all workers joined', async () => (await client.workers.list()).length >= workers);
      const before = residentBytes(pid);
      let running = 0;
      fleet.child.on('message', (message: { readonly running?: number }) => {
        running = message.running ?? running;
      });
      const { run } = await client.runs.submit({ dag: 'fan' });
      let peak = 0;
      await until('all workers hold a task', () => {
        peak = Math.max(peak, residentBytes(pid));
        return running >= workers;
      });
      fleet.send({ type: 'release' });
      const last = await client.runs.get(run.runId, { waitMs: 30_000 });
      const { bytes: full } = await client.snapshots.inspect(last.snapshotDigest ?? '');
      return {
        id: `${workers} workers`,
        what: `memory the coordinator took on / ${workers} copies of the ${round3(full / mebibyte)} MiB envelope`,
        ours: round3((peak - before) / mebibyte),
        unit: 'MiB',
        anchor: round3((full * workers) / mebibyte),
        target: '',
      };
    } finally {
      await fleet.stop();
    }
  } finally {
    coordinator.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
};
