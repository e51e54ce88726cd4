import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Name of this process's own folder below a work directory that workers of several hosts may share. */
export const ownWorkFolder = (): string => `worker-${hostname()}-${process.pid}`;

/** Removes the folders of workers of this host that are gone, for example after a SIGKILL. Never throws. */
export const clearAbandonedWorkFolders = async (workDir: string): Promise<void> => {
  const prefix = `worker-${hostname()}-`;
  const names = await readdir(workDir).catch(() => []);
  const abandoned = names.filter((name) => {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    return /^[1-9]\d*$/.test(pid) && (Number(pid) === process.pid || !isAlive(Number(pid)));
  });
  await Promise.all(
    abandoned.map((name) => rm(join(workDir, name), { recursive: true, force: true }).catch(() => undefined)),
  );
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};
