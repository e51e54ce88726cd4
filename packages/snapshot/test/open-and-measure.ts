// Opens snapshots as a worker does, one after the other, in a process of its own, and says how each ended and what memory it took at most: the
// resident set before the first, and its highest since then. Linux forgets the peak of the start-up when asked; elsewhere that peak counts too,
// which only makes the test stricter.   open-and-measure.ts LIST   where LIST is a JSON file of { file, digest, alone }
import { readFileSync, writeFileSync } from 'node:fs';
import { type Digest, isDomainError, defaultSnapshotLimits as limits } from '@skein/domain';
import { createSnapshotOpener } from '@skein/snapshot';
import { createNodeHasher } from '@skein/testkit';

const hasher = createNodeHasher();
const refuse = () => Promise.reject(new Error('nothing is fetched'));

const open = async (digest: Digest, envelope: Uint8Array): Promise<unknown> => {
  const opener = createSnapshotOpener({ hasher, limits, maxCacheBytes: 2 * limits.maxBytes });
  try {
    const stores = await opener.open({ digest, envelope }, { fetchEnvelope: async () => envelope, fetchPart: refuse });
    return { outcome: 'accepted', stores, opener };
  } catch (thrown) {
    if (!isDomainError(thrown)) return { outcome: `threw ${String(thrown)}` };
    return { outcome: thrown.details?.['reason'] ?? thrown.code };
  }
};

const statusBytes = (name: string): number =>
  Number(new RegExp(`${name}:\\s*(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;

const list = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as {
  file: string;
  digest: Digest;
  alone: boolean;
}[];
const collect = (globalThis as { gc?: () => void }).gc;
// A worker that has been at work for a while: the engine's own room for young values has grown as far as it will.
for (let round = 0; round < 3; round++) {
  for (const { file, digest, alone } of list) if (!alone) await open(digest, new Uint8Array(readFileSync(file)));
}
await open('sha256:'.padEnd(71, '0'), new Uint8Array(20));
collect?.();
let baseline = process.memoryUsage.rss();
let peak = (): number => process.resourceUsage().maxRSS * 1024;
try {
  writeFileSync('/proc/self/clear_refs', '5');
  baseline = statusBytes('VmRSS');
  peak = () => statusBytes('VmHWM');
} catch {}
const outcomes: unknown[] = [];
let kept: unknown;
for (const { file, digest, alone } of list) {
  // What the one before left behind is not this one's; within one opening nobody collects on purpose.
  kept = undefined;
  if (alone) collect?.();
  kept = await open(digest, new Uint8Array(readFileSync(file)));
  outcomes.push((kept as { outcome: unknown }).outcome);
}
process.stdout.write(JSON.stringify({ outcomes, taken: peak() - baseline }));
