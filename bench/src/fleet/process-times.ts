import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { nowMs } from '../measure.ts';

/** Ticks of the kernel's clock in a second, in `/proc`. */
const ticksPerSecond = 100;

interface Times {
  readonly parent: number;
  /** Of the process, and of its children that ended. */
  readonly ticks: number;
}

const allTimes = (): ReadonlyMap<number, Times> => {
  const all = new Map<number, Times>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
      all.set(Number(name), { parent: Number(fields[1]), ticks });
    } catch {
      // It has ended.
    }
  }
  return all;
};

/** Processor time of these processes and all below them so far, in ms, to 10 ms. Linux. */
export const treeCpuMs = (roots: readonly number[]): number => {
  const all = allTimes();
  const children = new Map<number, number[]>();
  for (const [pid, { parent }] of all) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const open = [...roots];
  let ticks = 0;
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    ticks += all.get(pid)?.ticks ?? 0;
    open.push(...(children.get(pid) ?? []));
  }
  return (ticks * 1_000) / ticksPerSecond;
};

/** Processor time that all processors of this machine were not idle, in ms. */
const machineCpuMs = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);

/** Share of the machine's processors (0 to 1) that processes other than this one and those below it used since. */
export const watchOthers = (): (() => number) => {
  const begin = { at: nowMs(), machine: machineCpuMs(), own: treeCpuMs([process.pid]) };
  return () => {
    const others = machineCpuMs() - begin.machine - (treeCpuMs([process.pid]) - begin.own);
    return Math.max(0, others / ((nowMs() - begin.at) * cpus().length));
  };
};
