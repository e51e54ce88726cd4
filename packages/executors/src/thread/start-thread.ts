import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts a module as a thread. A TypeScript module (tests, development without a build) is loaded through tsx, whose
 * `--import` hook does not reach threads on Node 20; the private condition then points at the packages' sources.
 */
export const startThread = (entry: URL, options: WorkerOptions): Worker => {
  if (!entry.pathname.endsWith('.ts')) return new Worker(entry, options);
  // Its CommonJS entry, the only one that `require.resolve` can name, looks for the hooks in the wrong folder.
  const loader = new URL('./dist/esm/api/index.mjs', pathToFileURL(createRequire(entry).resolve('tsx/package.json')))
    .href;
  const program = `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(entry.href)}); })`;
  return new Worker(program, { ...options, eval: true, execArgv: ['--conditions', 'skein-source'] });
};
