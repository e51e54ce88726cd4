import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { SimulationJob } from './simulation-job.ts';

// A thread loads TypeScript through tsx, whatever loads this file.
const entry = new URL('./simulation-thread.ts', import.meta.url);
const loader = new URL('./dist/esm/api/index.mjs', pathToFileURL(createRequire(entry).resolve('tsx/package.json')))
  .href;
const program = `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(entry.href)}); })`;

/** Runs the jobs on so many threads; answers in their order. */
export const simulateInThreads = async (
  jobs: readonly SimulationJob[],
  threads: number,
): Promise<readonly (readonly number[])[]> => {
  const answers: (readonly number[])[] = [];
  let next = 0;
  const lane = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(program, { eval: true, execArgv: ['--conditions', 'skein-source'] });
      let open = -1;
      const give = () => {
        open = next;
        next += 1;
        if (open < jobs.length) worker.postMessage(jobs[open]);
        else void worker.terminate().then(() => resolve());
      };
      worker.on('message', (answer: readonly number[]) => {
        answers[open] = answer;
        give();
      });
      worker.once('error', reject);
      give();
    });
  await Promise.all(Array.from({ length: threads }, lane));
  return answers;
};
