import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import type { WorkDirs } from '@skein/ports';

/**
 * Private directories below `root`, which is made if it is missing. One directory is kept ready ahead of need,
 * so that starting a task does not wait for the file system.
 */
export const createWorkDirs = (root: string): WorkDirs => {
  const make = async (): Promise<string> => {
    await mkdir(root, { recursive: true, mode: 0o700 });
    return mkdtemp(join(root, 'task-'));
  };
  let spare: Promise<string> | undefined;
  const refill = (): void => {
    if (spare !== undefined) return;
    const next = make();
    next.catch(() => undefined); // seen by whoever takes it
    spare = next;
  };
  return {
    create: async () => {
      const ready = spare;
      spare = undefined;
      setImmediate(refill);
      try {
        return await (ready?.catch(make) ?? make());
      } catch (error) {
        throw new DomainError('resource_exhausted', 'no private directory could be made', {}, error);
      }
    },
    remove: async (path) => {
      // A process that is just being killed may still write: try again, then leave it to the next start of the worker.
      await rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 }).catch(() => undefined);
    },
  };
};
