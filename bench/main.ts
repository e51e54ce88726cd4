// Prints M1, M2, M3 and M5: Skein's figures as ratios to what this machine's transport, disk and Redis do in the same run.
//   npm run bench [-- --json] [--samples N]
import { parseArgs } from 'node:util';
import { measureBullmq } from './src/anchors/bullmq.ts';
import { measureCommit } from './src/anchors/commit.ts';
import { measureGrpc } from './src/anchors/echo-client.ts';
import { startRedis } from './src/anchors/redis-server.ts';
import { round3 } from './src/measure.ts';
import type { Figure } from './src/render-figures.ts';
import { renderFigures } from './src/render-figures.ts';
import { startCluster } from './src/skein/cluster.ts';
import { measureSkein } from './src/skein/figures.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, samples: { type: 'string', default: '800' } },
});
const samples = Number(values.samples);
const say = (line: string): void => {
  if (!values.json) process.stdout.write(`${line}\n`);
};

say('anchors: raw gRPC, raw commit, BullMQ …');
const { unaryMs, bidiMs } = await measureGrpc(samples);
const commitMs = await measureCommit(samples);
const redis = await startRedis();
const bullmqPerSecond = redis === undefined ? undefined : await measureBullmq(redis, 4_000);
await redis?.stop();
if (bullmqPerSecond === undefined) process.stderr.write('SKIPPED: no redis-server here, so M3 has no anchor\n');

say('Skein: coordinator process on libSQL with full synchronous writes, one warm worker process, HTTP client …');
const cluster = await startCluster();
let skein: Awaited<ReturnType<typeof measureSkein>>;
try {
  skein = await measureSkein(cluster, samples);
} finally {
  await cluster.stop();
}
const best = Math.max(...skein.tasksPerSecond.map(({ perSecond }) => perSecond));

const figures: Figure[] = [
  {
    id: 'M1',
    what: 'dispatch p50, submit to code on a warm worker / unary gRPC round trip U',
    ours: skein.dispatchMs,
    unit: 'ms',
    anchor: unaryMs,
    target: '<= 2.0',
  },
  {
    id: 'M2',
    what: 'durable end to end p50 / (2 B + 2 C)',
    ours: skein.endToEndMs,
    unit: 'ms',
    anchor: round3(2 * bidiMs + 2 * commitMs),
    target: '<= 1.5',
  },
  {
    id: 'M3',
    what: 'durable tasks per second / BullMQ without fsync Q',
    ours: best,
    unit: 'tasks/s',
    ...(bullmqPerSecond === undefined ? {} : { anchor: bullmqPerSecond }),
    target: '>= 1.5',
  },
  {
    id: 'M5',
    what: 'overhead per step of a 20-step chain / (B + C)',
    ours: skein.perStepMs,
    unit: 'ms',
    anchor: round3(bidiMs + commitMs),
    target: '<= 2',
  },
];
const anchors = { unaryMs, bidiMs, commitMs, bullmqPerSecond: bullmqPerSecond ?? null };
if (values.json) process.stdout.write(`${JSON.stringify({ figures, anchors, skein })}\n`);
else process.stdout.write(`\n${renderFigures(figures)}\n\n${JSON.stringify({ anchors, skein }, undefined, 2)}\n`);
process.exit(0);
