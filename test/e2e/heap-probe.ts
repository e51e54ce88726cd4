import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, folderWith, signal } from './stack.ts';

/** Runs first in every process: at SIGUSR2 it collects what nobody holds, and writes what is left to a file of its own. */
const source = `const { renameSync, writeFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');
if (isMainThread) {
  require('node:v8').setFlagsFromString('--expose-gc');
  const gc = require('node:vm').runInNewContext('gc');
  process.on('SIGUSR2', () => {
    gc();
    // Finalizers run in between.
    setTimeout(() => {
      gc();
      const { heapUsed, external } = process.memoryUsage();
      const file = __dirname + '/' + process.pid + '.json';
      writeFileSync(file + '.new', JSON.stringify(heapUsed + external));
      renameSync(file + '.new', file);
    }, 10);
  });
}
`;

/**
 * What a process of a stack holds, without what its garbage collector has not got to yet: the memory of a process (RSS) grows by that, and
 * shrinks when it likes.
 */
export class HeapProbe {
  readonly #folder = folderWith({ 'probe.cjs': source });

  /** For the processes of the stack. */
  get env(): Readonly<Record<string, string>> {
    return { NODE_OPTIONS: `--require ${join(this.#folder, 'probe.cjs')}` };
  }

  /** Its heap and its buffers, MB. */
  async heldMb(pid: number): Promise<number> {
    const file = join(this.#folder, `${pid}.json`);
    rmSync(file, { force: true });
    signal(pid, 'SIGUSR2');
    await eventually(`process ${pid} says what it holds`, () => existsSync(file));
    return Number(readFileSync(file, 'utf8')) / 1024 / 1024;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
