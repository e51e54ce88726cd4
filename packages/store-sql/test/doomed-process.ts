import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Where processes of the tests run. */
export const packageDir = fileURLToPath(new URL('..', import.meta.url));

/**
 * What comes before a script: what it works with, and the word to begin. A process loads its code long before, while another works.
 * `say` prints an acknowledgement; the pipe is full while the parent is busy, so that it is said again until it is taken.
 */
const preamble = `
  import { writeSync } from 'node:fs';
  import { createHash } from 'node:crypto';
  import { openSqlStores } from '@skein/store-sql';
  const [dataDir, round] = process.argv.slice(1);
  const ignore = () => {};
  const say = (line) => {
    for (;;) {
      try {
        writeSync(1, line);
        return;
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  };
  const digestOf = (bytes) => 'sha256:' + createHash('sha256').update(bytes).digest('hex');
  let ids = 0;
  const deps = {
    dataDir,
    clock: { now: Date.now, monotonicMs: () => performance.now(), after: () => ignore },
    ids: { next: (prefix) => [prefix, round, (ids += 1)].join('_') },
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    hasher: { digest: digestOf },
  };
  await new Promise((resolve) => process.stdin.once('data', resolve));
`;

/** True when the package was built after its sources were written last. */
const isBuilt = (name: string): boolean => {
  const folder = join(packageDir, '..', name);
  const builtAt = statSync(join(folder, 'dist', '.tsbuildinfo'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.m?ts$|\.mjs$/.test(path) && !path.endsWith('.test.ts'))
    .every((path) => statSync(join(folder, 'src', path)).mtimeMs <= builtAt);
};

/** Built code loads three times as fast as sources; it is used when it is that of the sources. */
export const codeFlags = ['domain', 'ports', 'store-sql'].every(isBuilt)
  ? []
  : ['--conditions', 'skein-source', '--import', 'tsx'];

/** A process that works on a data folder until it is killed. */
export interface DoomedProcess {
  /**
   * Lets it work, and kills it `livesMs` after its first acknowledgement. Answers the signal that ended it, and the last number that it
   * acknowledged, by run.
   */
  work(livesMs: number): Promise<{ readonly signal: unknown; readonly acknowledged: Map<string, number> }>;
  /** Ends it before its work; idempotent. */
  end(): void;
}

/** Starts a process that runs `script`, with `dataDir`, `round`, `deps`, `say` and `digestOf` in scope, as soon as it may work. */
export const startDoomed = (script: string, dataDir: string, round: number): DoomedProcess => {
  const flags = [...codeFlags, '--input-type=module', '-e', preamble + script];
  const worker = spawn(process.execPath, [...flags, dataDir, String(round)], {
    cwd: packageDir,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(worker, 'exit');
  return {
    work: async (livesMs) => {
      const acknowledged = new Map<string, number>();
      const lines = createInterface({ input: worker.stdout });
      let doomed: Promise<unknown> | undefined;
      lines.on('line', (line) => {
        const [runId, seq] = line.split(' ');
        acknowledged.set(runId as string, Number(seq));
        doomed ??= delay(livesMs).then(() => worker.kill('SIGKILL'));
      });
      const closed = once(lines, 'close');
      worker.stdin.write('begin\n');
      const [, signal] = await exited;
      await closed;
      return { signal, acknowledged };
    },
    end: () => {
      worker.kill('SIGKILL');
    },
  };
};

/** So many processes one after the other; while one works and is looked at, the next one loads. */
export const doomOneByOne = async (
  rounds: number,
  start: (round: number) => DoomedProcess,
  visit: (doomed: DoomedProcess, round: number) => Promise<void>,
): Promise<void> => {
  let next: DoomedProcess | undefined = start(0);
  try {
    for (let round = 0; round < rounds && next !== undefined; round += 1) {
      const current: DoomedProcess = next;
      next = round + 1 < rounds ? start(round + 1) : undefined;
      await visit(current, round);
    }
  } finally {
    next?.end();
  }
};
