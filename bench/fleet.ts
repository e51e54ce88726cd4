// Prints the figures of a fleet, real processes on one PostgreSQL that waits for the disk, each beside its anchor in the same run. Build first.
//   npm run bench:fleet [-- --quick --json --only throughput,fanout,dispatch,idle,drain,takeover --profile FOLDER]
// `bench/fleet-table.ts` makes the table of docs/benchmarks.md of its JSON.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startPostgresServer } from '@skein/testkit';
import { measureDetection } from './src/anchors/detection.ts';
import { measureGrpc } from './src/anchors/echo-client.ts';
import { measurePostgres } from './src/anchors/postgres.ts';
import type { BenchGround } from './src/fleet/bench-fleet.ts';
import { measureDispatch } from './src/fleet/dispatch.ts';
import { measureDrain } from './src/fleet/drain.ts';
import { measureFanout } from './src/fleet/fanout.ts';
import {
  dispatchFigures,
  drainFigures,
  type FleetAnchors,
  fanoutFigures,
  idleFigures,
  takeoverFigures,
  throughputFigures,
} from './src/fleet/figures.ts';
import { measureIdle } from './src/fleet/idle.ts';
import { watchOthers } from './src/fleet/process-times.ts';
import { busyShare, type FleetPart, type FleetReport } from './src/fleet/report.ts';
import { measureTakeover } from './src/fleet/takeover.ts';
import { measureThroughput, type ThroughputFigures } from './src/fleet/throughput.ts';
import { median, nowMs, round3 } from './src/measure.ts';
import { type Figure, renderFigures } from './src/render-figures.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});
const size = values.quick
  ? {
      anchors: 200,
      kills: 3,
      runs: 400,
      wide: 12,
      items: 3_000,
      rounds: 3,
      samples: 60,
      workers: 200,
      windowMs: 6_000,
      queued: 1_000,
      growAfterMs: 2_000,
    }
  : {
      anchors: 800,
      kills: 10,
      runs: 4_000,
      wide: 60,
      items: 10_000,
      rounds: 3,
      samples: 500,
      workers: 1_000,
      windowMs: 15_000,
      queued: 10_000,
      growAfterMs: 5_000,
    };
const wanted = values.only?.split(',');

// A bench that is interrupted leaves no process: what it started is ended when it exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const beganAt = nowMs();
const say = (text: string): void => {
  process.stderr.write(`${((nowMs() - beganAt) / 1_000).toFixed(0).padStart(4)} s  ${text}\n`);
};

const parts: FleetPart[] = [];
const measure = async <T extends object>(
  name: string,
  what: string,
  run: () => Promise<T>,
  figuresOf: (detail: T) => readonly Figure[],
): Promise<T | undefined> => {
  if (name !== 'anchors' && wanted !== undefined && !wanted.includes(name)) return undefined;
  say(`${name}: ${what} …`);
  const others = watchOthers();
  try {
    const detail = await run();
    parts.push({ name, others: round3(others()), figures: figuresOf(detail), detail });
    return detail;
  } catch (thrown) {
    // What was measured before is not lost with it.
    process.stderr.write(`${name} failed: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
    parts.push({ name, others: round3(others()), figures: [], detail: { failed: String(thrown) } });
    return undefined;
  }
};

const postgres = await startPostgresServer({ fsync: true, maxConnections: 300 });
const ground: BenchGround = {
  postgres,
  say: (text) => say(`      ${text}`),
  ...(values.profile === undefined ? {} : { profiles: values.profile }),
};
try {
  const anchors = await measure<FleetAnchors>(
    'anchors',
    'raw gRPC, raw pg, a stream that is cut',
    async () => ({
      ...(await measureGrpc(size.anchors)),
      postgres: await measurePostgres(postgres.url, size.anchors),
      detectionMs: round3(median(await measureDetection(size.kills))),
    }),
    () => [],
  );
  if (anchors === undefined) throw new Error('there are no anchors');
  await measure(
    'throughput',
    'runs and tasks per second with 1, 2 and 3 coordinators',
    async () => {
      const all: ThroughputFigures[] = [];
      for (const coordinators of [1, 2, 3]) all.push(await measureThroughput(ground, coordinators, size));
      return all;
    },
    (all) => throughputFigures(all, anchors),
  );
  await measure(
    'fanout',
    `a fan-out of ${size.items} items over three coordinators and at one`,
    () => measureFanout(ground, size.items, size.rounds),
    fanoutFigures,
  );
  await measure(
    'dispatch',
    'a worker at the home, and one at another coordinator',
    () => measureDispatch(ground, size.samples),
    (detail) => dispatchFigures(detail, anchors),
  );
  await measure(
    'idle',
    `${size.workers} idle workers at one coordinator`,
    () => measureIdle(ground, size.workers, size.windowMs),
    idleFigures,
  );
  await measure(
    'drain',
    `${size.queued} queued runs, 2 workers and then 8`,
    () => measureDrain(ground, size.queued, size.growAfterMs),
    drainFigures,
  );
  await measure(
    'takeover',
    `a coordinator of three is killed ${size.kills} times`,
    () => measureTakeover(ground, size.kills),
    (detail) => takeoverFigures(detail, anchors),
  );
} finally {
  await postgres.stop();
}

const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.versions.node };
const report: FleetReport = { quick: values.quick, machine, parts };
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else {
  const { figures, ...rest } = { figures: parts.flatMap((part) => part.figures), machine };
  const others = Object.fromEntries(parts.map((part) => [part.name, part.others]));
  const details = Object.fromEntries(parts.map(({ name, detail }) => [name, detail]));
  process.stdout.write(`\n${renderFigures(figures)}\n\n`);
  const busy = parts.filter((part) => part.others > busyShare).map(({ name }) => name);
  if (busy.length > 0) process.stdout.write(`measured on a busy machine, not to be published: ${busy.join(', ')}\n\n`);
  process.stdout.write(`${JSON.stringify({ ...rest, others, details }, undefined, 1)}\n`);
}
process.exit(parts.some(({ detail }) => 'failed' in detail) ? 1 : 0);
