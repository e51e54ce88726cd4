import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient, type SkeinClient } from '@skein/sdk';
import { round3, throughput } from '../measure.ts';
import type { Figure } from '../render-figures.ts';
import { chainOf, fanoutOf, projectOf } from './projects.ts';

/** Everything of Skein on this machine, with real workers that run the offline model. */
interface Fleet {
  readonly client: SkeinClient;
  stop(): Promise<void>;
}

const startFleet = async (
  workers: number,
  bytes: number,
  dags: { readonly [name: string]: string },
): Promise<Fleet> => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-wire-'));
  for (const file of projectOf(bytes, dags)) {
    const path = join(folder, 'project', file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.bytes);
  }
  const data = join(folder, 'data');
  const cli = fileURLToPath(new URL('../../../apps/cli/dist/main.js', import.meta.url));
  const args = ['up', '--project', join(folder, 'project'), '--data', data, '--workers', String(workers)];
  const { OPENAI_API_KEY: _openai, ANTHROPIC_API_KEY: _anthropic, SKEIN_MODEL_BASE_URL: _url, ...env } = process.env;
  const child = spawn(process.execPath, [cli, ...args, '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const killWithParent = () => child.kill('SIGTERM');
  process.once('exit', killWithParent);
  for (let tries = 0; ; tries += 1) {
    try {
      const found = JSON.parse(readFileSync(join(data, 'endpoint.json'), 'utf8')) as {
        readonly http: string;
        readonly adminTokenFile: string;
      };
      const client = createClient({ url: found.http, token: readFileSync(found.adminTokenFile, 'utf8').trim() });
      return {
        client,
        stop: async () => {
          process.off('exit', killWithParent);
          child.kill('SIGTERM');
          await exited;
          rmSync(folder, { recursive: true, force: true });
        },
      };
    } catch (error) {
      if (tries > 1_500 || child.exitCode !== null) throw error;
      await sleep(20);
    }
  }
};

const runOf = async (client: SkeinClient, dag: string): Promise<string> => {
  const { run } = await client.runs.submit({ dag });
  for (;;) {
    const last = await client.runs.get(run.runId, { waitMs: 30_000 });
    if (last.status === 'succeeded') return last.snapshotDigest ?? '';
    if (last.status === 'failed' || last.status === 'cancelled') throw new Error(JSON.stringify(last.error));
  }
};

interface Load {
  readonly what: string;
  readonly workers: number;
  readonly dag: string;
  readonly text: string;
  readonly runs: number;
}

const loads: readonly Load[] = [
  { what: 'a 20-step run, 1 worker', workers: 1, dag: 'chain', text: chainOf('chain', 20), runs: 1 },
  { what: 'a fan-out of 100 items, 4 workers', workers: 4, dag: 'fan', text: fanoutOf('fan', 100, 16), runs: 1 },
  { what: '1,000 runs of one DAG, 4 workers', workers: 4, dag: 'one', text: chainOf('one', 1), runs: 1_000 },
];

/** M8: bytes of snapshots on the wire, over one full send to each worker that ran something; and what one send for each task would be. */
export const measureWire = async (bytes: number): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const load of loads) {
    const fleet = await startFleet(load.workers, bytes, { [load.dag]: load.text });
    const { client } = fleet;
    try {
      let digest = '';
      await throughput(load.runs, 32, async () => {
        digest = await runOf(client, load.dag);
      });
      const { bytes: full } = await client.snapshots.inspect(digest);
      const used = (await client.workers.list()).filter((worker) => worker.snapshotsReceived > 0);
      const received = used.reduce((sum, worker) => sum + worker.snapshotBytesReceived, 0);
      figures.push({
        id: 'M8',
        what: `snapshot bytes of ${load.what} / one full send to each of ${used.length}`,
        ours: round3(received / 1_024),
        unit: 'KiB',
        anchor: round3((full * used.length) / 1_024),
        target: '<= 1.05',
      });
    } finally {
      await fleet.stop();
    }
  }
  return figures;
};
