// Loaded into a process before all else (`--import`): at SIGUSR2 it begins a CPU profile of its main thread, which is written to
// SKEIN_BENCH_PROFILES when the process exits.
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const folder = process.env['SKEIN_BENCH_PROFILES'];
if (isMainThread && folder !== undefined)
  process.once('SIGUSR2', () => {
    const session = new Session();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.start');
    process.on('exit', () => {
      session.post('Profiler.stop', (_error, { profile }) => {
        const name = process.env['SKEIN_COORDINATOR_ID'] ?? 'process';
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, `${name}-${process.pid}.cpuprofile`), JSON.stringify(profile));
      });
    });
  });
