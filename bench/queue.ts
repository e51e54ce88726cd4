// Prints M4: hints per second through our queue on BullMQ (publish, claim, done) beside raw BullMQ (add, process) on the same Redis, in turns,
// and the time from publishing to claiming.
//   npm run bench:queue [-- --json] [--quick]
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type RedisDurability, startRedis } from './src/anchors/redis-server.ts';
import { median, percentile, round3 } from './src/measure.ts';
import { openOurQueue } from './src/queue/our-queue.ts';
import { openRawBullmq } from './src/queue/raw-bullmq.ts';
import { type Figure, renderFigures } from './src/render-figures.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const size = values.quick ? { jobs: 2_000, rounds: 3, samples: 100 } : { jobs: 10_000, rounds: 7, samples: 500 };
const batch = 64;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const measure = async (durability: RedisDurability): Promise<Figure[]> => {
  const redis = await startRedis(durability);
  if (redis === undefined) throw new Error('redis-server is needed: apt-get install redis-server');
  const raw = await openRawBullmq(redis.port);
  const our = await openOurQueue(redis.port);
  const samples = { our: [], raw: [], single: [] } as Record<'our' | 'raw' | 'single', number[]>;
  // The first round warms up.
  for (let round = 0; round <= size.rounds; round += 1) {
    const kept = round > 0;
    const inTurn = [
      async () => samples.our.push(await our.throughput(size.jobs, batch)),
      async () => samples.raw.push(await raw.throughput(size.jobs, batch)),
      async () => samples.single.push(await raw.singleThroughput(size.jobs, batch)),
    ];
    for (const one of round % 2 === 0 ? inTurn : inTurn.toReversed()) await one();
    if (!kept) for (const list of Object.values(samples)) list.length = 0;
  }
  const ms = { publisher: [], other: [], raw: [] } as Record<'publisher' | 'other' | 'raw', number[]>;
  for (let sample = 0; sample < size.samples; sample += 1) {
    ms.publisher.push(await our.latency('publisher'));
    ms.other.push(await our.latency('other'));
    ms.raw.push(await raw.latency());
  }
  await our.close();
  await raw.close();
  await redis.stop();
  const persistence = durability === 'none' ? 'no persistence' : `AOF ${durability}`;
  const perSecond = (id: string, what: string, anchor: readonly number[], target: string): Figure => ({
    id,
    what: `${what}, ${persistence}`,
    ours: round3(median(samples.our)),
    unit: '/s',
    anchor: round3(median(anchor)),
    target,
    n: samples.our.length,
  });
  const latency = (id: string, what: string, ours: readonly number[]): Figure => ({
    id,
    what: `${what}, ${persistence}`,
    ours: round3(median(ours)),
    unit: 'ms',
    anchor: round3(median(ms.raw)),
    target: '',
    p99: round3(percentile(ours, 0.99)),
    n: ours.length,
  });
  return [
    perSecond('M4', `publish, claim, done in batches of ${batch}; raw: addBulk, process`, samples.raw, 'ratio >= 0.85'),
    perSecond('M4 single', `the same; raw: add with ${batch} on their way, process`, samples.single, ''),
    latency('M4 wake', 'published to claimed by the publisher; raw: added to processed', ms.publisher),
    latency('M4 wake other', 'published to claimed by another; raw: added to processed', ms.other),
  ];
};

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGb: round3(totalmem() / 2 ** 30),
  os: `${platform()} ${release()} ${arch()}`,
  node: process.version,
  load: loadavg().map(round3),
};
const figures: Figure[] = [];
for (const durability of ['none', 'everysec'] as const) figures.push(...(await measure(durability)));
if (values.json) process.stdout.write(`${JSON.stringify({ machine, size, figures }, null, 2)}\n`);
else {
  const { cpu, cores, memoryGb, os, node, load } = machine;
  process.stdout.write(`${cpu}, ${cores} cores, ${memoryGb} GB, ${os}, Node ${node}, load ${load.join(' ')}\n`);
  process.stdout.write(`${renderFigures(figures)}\n`);
}
