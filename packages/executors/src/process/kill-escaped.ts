// Ends processes that left their group (setsid, daemons) but still carry the attempt's marker in their environment.
// It finds only what the kernel lets us read (same user) and what did not clean its environment; the launcher's own marker
// and, where there is one, the container are the wider nets.
import { readFileSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Kills every process whose environment holds `marker` (`NAME=value`); returns how many. */
export const killMarked = async (marker: string): Promise<number> => killAll(marker, 0);

/** Kills every process, this one excepted, that holds the file open (see `ProcessGroups.launchFile`); returns how many. */
export const killHolders = async (path: string): Promise<number> =>
  killRounds(() => findPids(0, async (pid) => (await openFiles(pid)).includes(path)));

/**
 * Kills every process younger than `sincePid` whose environment holds `marker`; returns how many.
 * Cheap in the ordinary case: when no process was made since, one small file is read. Does nothing where there is no /proc.
 */
export const killEscaped = async (marker: string, sincePid: number): Promise<number> => {
  const lastPid = readLastPid();
  if (lastPid === undefined || lastPid === sincePid) return 0;
  return killAll(marker, lastPid > sincePid ? sincePid : 0);
};

const killAll = (marker: string, abovePid: number): Promise<number> =>
  killRounds(() => findPids(abovePid, (pid) => carries(pid, marker)));

const killRounds = async (find: () => Promise<readonly number[]>): Promise<number> => {
  let killed = 0;
  // A process may fork while it is looked for; a second look that finds nothing ends the hunt.
  for (let round = 0; round < 5; round += 1) {
    const found = await find();
    if (found.length === 0) break;
    killed += found.filter(kill).length;
  }
  return killed;
};

/** The last field of /proc/loadavg is the id that was given last; ids rise until they wrap. */
const readLastPid = (): number | undefined => {
  try {
    return Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1));
  } catch {
    return undefined;
  }
};

const findPids = async (abovePid: number, matches: (pid: number) => Promise<boolean>): Promise<readonly number[]> => {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.map(Number).filter((pid) => Number.isInteger(pid) && pid > abovePid && pid !== process.pid);
  const found: number[] = [];
  for (const pid of pids) if (await matches(pid)) found.push(pid);
  return found;
};

const carries = async (pid: number, marker: string): Promise<boolean> => {
  const text = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  return text.split('\0').includes(marker);
};

const openFiles = async (pid: number): Promise<readonly string[]> => {
  const folder = `/proc/${pid}/fd`;
  const fds = await readdir(folder).catch(() => []);
  return Promise.all(fds.map((fd) => readlink(`${folder}/${fd}`).catch(() => '')));
};

const kill = (pid: number): boolean => {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
};
