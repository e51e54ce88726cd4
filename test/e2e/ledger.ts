import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, folderWith } from './stack.ts';

/**
 * A folder in which steps leave evidence: lines appended to files, in the order in which things happened, whoever of Skein's
 * processes died meanwhile. A step may wait there for a file that only the test makes.
 */
export class Ledger {
  readonly folder = folderWith({ 'read.me': 'what steps did' });

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The lines that were written; none when the file does not exist. */
  lines(name: string): readonly string[] {
    const path = this.path(name);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  }

  /** Waits until there are so many lines, and gives them. */
  written(name: string, count: number, deadlineMs?: number): Promise<readonly string[]> {
    const lines = () => (this.lines(name).length >= count ? this.lines(name) : undefined);
    return eventually(`${count} lines of ${name}`, lines, deadlineMs);
  }

  /** Shell text that appends a line. The line is expanded by the shell. */
  note(name: string, line: string): string {
    return `echo "${line}" >> "${this.path(name)}"`;
  }

  /** Shell text that waits for `release` of that name. */
  hold(name: string): string {
    return `while [ ! -e "${this.path(name)}.go" ]; do sleep 0.05; done`;
  }

  release(name: string): void {
    writeFileSync(`${this.path(name)}.go`, '');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
