import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes values that reach a step as files, into the attempt's private directory. */
export class ValueFiles {
  readonly #directory: string;
  #written = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Path of a new file that holds exactly this text. */
  async write(text: string): Promise<string> {
    this.#written += 1;
    const path = join(this.#directory, `value-${this.#written}`);
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
    return path;
  }
}
