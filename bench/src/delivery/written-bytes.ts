import { readFileSync } from 'node:fs';

/** Bytes that a process has sent to the disk so far, all its threads; undefined where the system does not say. Linux. */
export const writtenBytes = (pid: number): number | undefined => {
  try {
    const found = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
};

/** Resident memory of a process in MiB, now and at its peak; undefined where the system does not say. Linux. */
export const residentMiB = (pid: number): { readonly now: number; readonly peak: number } | undefined => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const of = (name: string): number =>
      Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_024);
    return { now: of('VmRSS'), peak: of('VmHWM') };
  } catch {
    return undefined;
  }
};
