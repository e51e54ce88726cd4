import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * Takes variables out of this process's environment, and on Linux also out of the block that `/proc/PID/environ` shows: without that, any
 * process of the same user, such as a tool of an agent, could read there what the process was started with for as long as it lives.
 * Memory itself stays readable for those who may trace the process. True when nothing of them is left to be seen there.
 */
export const scrubEnvironment = (names: readonly string[], environment: NodeJS.ProcessEnv = process.env): boolean => {
  for (const name of names) delete environment[name];
  if (names.length === 0 || process.platform !== 'linux') return true;
  try {
    return overwriteEntries(names);
  } catch {
    return false;
  }
};

/** Writes zeros over the entries of these names; all others stay, since launchers find their processes by them. */
const overwriteEntries = (names: readonly string[]): boolean => {
  const block = readFileSync('/proc/self/environ');
  const start = blockAddress();
  if (start === 0) return false;
  const memory = openSync('/proc/self/mem', constants.O_RDWR);
  try {
    for (let from = 0; from < block.length; ) {
      const end = block.indexOf(0, from);
      const length = (end === -1 ? block.length : end) - from;
      const entry = block.toString('latin1', from, from + length);
      if (names.some((name) => entry.startsWith(`${name}=`)))
        writeSync(memory, Buffer.alloc(length), 0, length, start + from);
      from += length + 1;
    }
  } finally {
    closeSync(memory);
  }
  const left = readFileSync('/proc/self/environ', 'latin1').split('\0');
  return !left.some((entry) => names.some((name) => entry.startsWith(`${name}=`)));
};

/** Field 50 of proc(5) `stat`, where the block begins. The command's name, field 2, may hold spaces and brackets. */
const blockAddress = (): number => {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[47] ?? 0);
};
