// Prints the figures of durable delivery, each beside its anchor in the same run: M10 (killed worker), M11 (killed coordinator), accepting with
// many outstanding, messages, a deaf worker, checkpoints. M12 comes from `npm run chaos`.
//   npm run bench:delivery [-- --json] [--quick] [--kills N] [--largest N]
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCommit } from './src/anchors/commit.ts';
import { measureDetection } from './src/anchors/detection.ts';
import { measureGrpc } from './src/anchors/echo-client.ts';
import { measureGroupCommit } from './src/anchors/group-commit.ts';
import { measureRawRestart } from './src/anchors/raw-restart.ts';
import { measureAgent } from './src/delivery/agent-figures.ts';
import { measureDeaf } from './src/delivery/deaf-worker.ts';
import { acceptFigures, agentFigures, deafFigures, killFigures, restartFigures } from './src/delivery/figures.ts';
import { measureAdmitted, measureRuns, measureWide } from './src/delivery/outstanding.ts';
import { measureShell, measureWorkerKills } from './src/delivery/worker-kill.ts';
import { median, round3 } from './src/measure.ts';
import { renderFigures } from './src/render-figures.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    kills: { type: 'string' },
    largest: { type: 'string', default: '100000' },
  },
});
const chosen = values.quick
  ? {
      samples: 200,
      kills: 4,
      levels: [0, 1_000],
      wide: [],
      admitted: 0,
      accepts: 100,
      burst: 300,
      restarts: 2,
      messages: 50,
      turns: 50,
      rounds: 1,
    }
  : {
      samples: 800,
      kills: 30,
      levels: [0, 1_000, 10_000, 100_000],
      wide: [1_000, 10_000, 100_000],
      admitted: 10_000,
      accepts: 1_000,
      burst: 4_000,
      restarts: 5,
      messages: 500,
      turns: 500,
      rounds: 5,
    };
// A bench that is interrupted leaves no process: what it started is ended when it exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const isWanted = (level: number): boolean => level <= Number(values.largest);
const size = {
  ...chosen,
  kills: Number(values.kills ?? chosen.kills),
  levels: chosen.levels.filter(isWanted),
  wide: chosen.wide.filter(isWanted),
  admitted: isWanted(chosen.admitted) ? chosen.admitted : 0,
};
const loads: Record<string, readonly number[]> = {};
/** Says what comes next, and under which load it begins. */
const next = (part: string, what: string): void => {
  loads[part] = loadavg().map(round3);
  if (!values.json) process.stdout.write(`${part}: ${what} (load average ${loads[part].join(' ')}) …\n`);
};

next('anchors', 'raw gRPC, raw commit, raw group commit, a stream that is cut, a shell');
const grpc = await measureGrpc(size.samples);
const commitMs = await measureCommit(size.samples);
const group = await measureGroupCommit(size.samples * 25, 64, 234);
const detection = await measureDetection(size.kills);
const shellMs = await measureShell(20);
const anchors = { ...grpc, commitMs, group, detectionMs: round3(median(detection)), detections: size.kills, shellMs };

next('kills', `a worker is killed ${2 * size.kills} times`);
const kills = await measureWorkerKills(size.kills);
next('outstanding', `one-step runs, up to ${size.levels.at(-1)} of them outstanding`);
const runs = await measureRuns(size.levels, { samples: size.accepts, burst: size.burst, restarts: size.restarts });
next('wide', `items of fan-outs, up to ${size.wide.at(-1) ?? 0} of them open`);
const wide = size.wide.length === 0 ? [] : await measureWide(size.wide, size.restarts);
next('admitted', `${size.admitted} one-step runs, all let in`);
const admitted = size.admitted === 0 ? [] : await measureAdmitted(size.admitted, size.restarts);
next('restart anchors', 'a process that reads as many rows');
const restarts = [...runs.restarts, ...wide, ...admitted];
const rawRestartMs = new Map<number, number>();
for (const level of new Set(restarts.map(({ open }) => open)))
  rawRestartMs.set(level, await measureRawRestart(level, size.restarts));
next('agent', 'messages and checkpoints');
const agent = await measureAgent(size.messages, size.turns);
next('deaf', 'one deaf worker among ten');
const deaf = await measureDeaf(size.rounds);
next('end', 'done');

const figures = [
  ...killFigures(kills, anchors),
  ...restartFigures(restarts, rawRestartMs),
  ...acceptFigures(runs.accepts, anchors),
  ...agentFigures(agent, anchors),
  ...deafFigures(deaf),
];
const machine = {
  system: `${platform()} ${release()} ${arch()}`,
  cpus: cpus().length,
  cpu: cpus()[0]?.model ?? '',
  memoryGiB: round3(totalmem() / 2 ** 30),
  node: process.version,
  durability: 'libSQL, WAL, synchronous=FULL: a flush before each acknowledgement',
};
const split = {
  kill: { repeatSafe: kills.repeatSafe.split, otherwise: kills.otherwise.split },
  restart: restarts.map(({ open, shape, untilReady, readyToOffer, stages, memoryMiB }) => ({
    open,
    shape,
    untilReadyMs: round3(median(untilReady)),
    readyToOfferMs: round3(median(readyToOffer)),
    openStoresMs: round3(stages.openStores),
    listMs: round3(stages.list),
    loadMs: round3(stages.load),
    openRuns: stages.openRuns,
    memoryMiB,
  })),
};
if (values.json) process.stdout.write(`${JSON.stringify({ figures, anchors, split, machine, loads })}\n`);
else
  process.stdout.write(
    `\n${renderFigures(figures)}\n\nPublished, on other hardware: step resumed 38 to 40 s after its worker was killed (Hatchet), 65 s (Resonate); a broker that ` +
      `rewrites its file: 59 accepted/s with 1,000 pending, about 2,000 bytes written per byte.\n\n${JSON.stringify({ machine, loads, anchors, split }, undefined, 2)}\n`,
  );
process.exit(0);
