import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';

/** Environment variable that names the launches a process descends from, outermost first, separated by `/`. */
export const launchVariable = 'SKEIN_LAUNCH';

/** A live process; `startedAt` (opaque) tells it from a later one with the same pid. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startedAt: string;
}

const run = promisify(execFile);

/**
 * Pids of the live processes that say that they descend from this launch: by their environment, or by an inherited open file named
 * after it (`launchFileName`), which also one that cleared its environment still holds. Zombies do not count.
 */
export const findMarked = async (marker: string): Promise<readonly number[]> => {
  if (process.platform === 'linux')
    return linuxPids().filter((pid) => carries(readEnvironment(pid), marker) || holdsLaunchFile(pid, marker));
  return findMarkedByPs(marker);
};

/** Live processes, zombies excepted. Empty where there is no /proc. */
export const listProcesses = (): readonly ProcessEntry[] => {
  if (process.platform !== 'linux') return [];
  return linuxPids().flatMap((pid) => readProcess(pid) ?? []);
};

/** The process with this pid, unless it is gone or a zombie; always undefined where there is no /proc. */
export const readProcess = (pid: number): ProcessEntry | undefined => {
  const stat = read(`/proc/${pid}/stat`)?.toString('latin1');
  if (stat === undefined) return undefined;
  // The name in parentheses may hold anything; fields count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startedAt: fields[19] ?? '',
  };
};

/** Sends a signal; false when there is no such process (or group, for a negative pid). */
export const signalProcess = (pid: number, signal: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
};

/** True if an environment block (`NAME=value`, NUL-separated) names the launch. */
export const carries = (environment: Buffer | undefined, marker: string): boolean => {
  if (environment === undefined || !environment.includes(marker)) return false;
  const prefix = `${launchVariable}=`;
  const entries = environment.toString('latin1').split('\0');
  return entries.some((entry) => entry.startsWith(prefix) && entry.slice(prefix.length).split('/').includes(marker));
};

/** True if a process holds an open file `.skein-launch.OUTER+INNER` that names the launch, deleted or not. */
const holdsLaunchFile = (pid: number, marker: string): boolean => {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => {
      const name = /\/\.skein-launch\.([^/ ]+)(?: \(deleted\))?$/.exec(linkOf(`${folder}/${fd}`))?.[1];
      return name?.split('+').includes(marker) === true;
    });
  } catch {
    return false; // gone, or not ours to look at
  }
};

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
};

const linuxPids = (): number[] =>
  readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    return Number.isInteger(pid) && pid !== process.pid ? [pid] : [];
  });

const readEnvironment = (pid: number): Buffer | undefined => read(`/proc/${pid}/environ`);

const read = (path: string): Buffer | undefined => {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
};

/** `ps -E` appends the environment to the command; other users' processes show none. */
const findMarkedByPs = async (marker: string): Promise<readonly number[]> => {
  const { stdout } = await run('ps', ['-axEww', '-o', 'pid=,stat=,command='], { maxBuffer: 64 * 1024 * 1024 });
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\S+)\s/.exec(line);
    if (match === null || match[2]?.startsWith('Z') === true) return [];
    const named = line.split(' ').some((word) => carries(Buffer.from(word), marker));
    return named && Number(match[1]) !== process.pid ? [Number(match[1])] : [];
  });
};
