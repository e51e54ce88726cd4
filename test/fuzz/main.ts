// Coverage-guided fuzzing of everything that reads snapshots:
//   npm run fuzz -- [--seconds 120] [--executions 0] [--seed 1] [--target envelope]     or     npm run fuzz -- --replay FILE
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDomainError } from '@skein/domain';
import type { Random } from '@skein/ports';
import { createSeededRandom } from '@skein/testkit';
import { Coverage } from './coverage.ts';
import { limits, type Target, targets } from './targets.ts';

const options = new Map<string, string>();
for (let at = 2; at < process.argv.length; at += 2) {
  options.set(process.argv[at] ?? '', process.argv[at + 1] ?? '');
}
const known = ['--seconds', '--executions', '--seed', '--target', '--replay'];
for (const name of options.keys()) {
  if (known.includes(name)) continue;
  console.error(`unknown option ${name} (known: ${known.join(', ')})`);
  process.exit(2);
}

/**
 * Longest that one input may compute, in ms, on all threads: a process that stands still computes nothing. And most bytes of buffers that one
 * may leave: a reader that copies all of it a few times.
 */
const maxInputMs = 5_000;
const maxBufferBytes = 8 * limits.maxBytes;
const batchSize = 200;
const maxCorpus = 2_000;
/** Until it has executed as often as was asked it computes for this many times as long as was asked, at most. */
const longestStretch = 3;

/** What this process has computed since then, or since its start, in ms. */
const computedMs = (before?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
};

/** What is wrong with how a target took an input; undefined when nothing is. `signature` groups inputs that ended alike. */
const tryInput = async (
  target: Target,
  bytes: Uint8Array,
): Promise<{ readonly failure?: unknown; readonly signature: string; readonly ms: number }> => {
  const buffersBefore = process.memoryUsage().arrayBuffers;
  const cpuBefore = process.cpuUsage();
  let signature = 'accepted';
  let failure: unknown;
  try {
    await target.run(bytes);
  } catch (thrown) {
    if (isDomainError(thrown))
      signature = `${thrown.code} ${thrown.message.replace(/"[^"]*"|[0-9a-f]{6,}|\d+/g, '#').slice(0, 120)}`;
    else failure = thrown;
  }
  const ms = computedMs(cpuBefore);
  const buffers = process.memoryUsage().arrayBuffers - buffersBefore;
  if (ms > maxInputMs) failure ??= new Error(`the input computed for ${Math.round(ms)} ms`);
  if (buffers > maxBufferBytes) failure ??= new Error(`the input took ${buffers} bytes of buffers`);
  return { signature, ms, ...(failure === undefined ? {} : { failure }) };
};

const fail = (target: Target, bytes: Uint8Array, failure: unknown): never => {
  const file = join(mkdtempSync(join(tmpdir(), 'skein-fuzz-')), `${target.name}.json`);
  writeFileSync(file, JSON.stringify({ target: target.name, base64: Buffer.from(bytes).toString('base64') }));
  console.error(`\n${target.name} failed:`, failure);
  console.error(`the input is in ${file}; play it again: npm run fuzz -- --replay ${file}`);
  process.exit(1);
};

/** Inputs of one target that reached something new. */
class Corpus {
  readonly target: Target;
  readonly #inputs: Uint8Array[];
  readonly #signatures = new Set<string>();

  constructor(target: Target) {
    this.target = target;
    this.#inputs = [...target.seeds];
  }

  get size(): number {
    return this.#inputs.length;
  }

  next(random: Random): Uint8Array {
    // Newer inputs are nearer to what is not known yet.
    const from = random.integer(2) === 0 ? Math.max(0, this.#inputs.length - 20) : 0;
    const at = from + random.integer(this.#inputs.length - from);
    return this.target.mutate(random, this.#inputs[at] as Uint8Array);
  }

  keep(bytes: Uint8Array): void {
    if (bytes.length > 2 * limits.maxBytes) return;
    if (this.#inputs.length < maxCorpus) this.#inputs.push(bytes);
  }

  isNew(signature: string): boolean {
    if (this.#signatures.has(signature)) return false;
    this.#signatures.add(signature);
    return true;
  }
}

const replay = async (file: string): Promise<void> => {
  const { target: name, base64 } = JSON.parse(readFileSync(file, 'utf8')) as { target: string; base64: string };
  const target = targets().find((one) => one.name === name);
  if (target === undefined) throw new Error(`unknown target ${name}`);
  const { failure, signature, ms } = await tryInput(target, new Uint8Array(Buffer.from(base64, 'base64')));
  console.log(`${name}: ${failure === undefined ? signature : 'fails'}, ${ms.toFixed(1)} ms`);
  if (failure === undefined) return;
  console.error(failure);
  process.exitCode = 1;
};

/** How long, how often at least, from which chance, and which target only. */
interface Asked {
  readonly seconds: number;
  readonly least: number;
  readonly seed: number;
  readonly only: string | undefined;
}

const fuzz = async ({ seconds, least, seed, only }: Asked): Promise<void> => {
  const random = createSeededRandom(seed);
  const corpora = targets()
    .filter((target) => only === undefined || target.name === only)
    .map((target) => new Corpus(target));
  if (corpora.length === 0) throw new Error(`unknown target ${only}`);
  const coverage = new Coverage((url) => /packages\/snapshot\/src|agent\/skill-path/.test(url));
  const beganAt = performance.now();
  let executions = 0;
  let worst = { ms: 0, name: '' };
  let saidAt = beganAt;
  const elapsed = (): number => (performance.now() - beganAt) / 1_000;
  const cpuBefore = process.cpuUsage();
  const isOver = (): boolean =>
    elapsed() >= seconds && (executions >= least || computedMs(cpuBefore) >= longestStretch * seconds * 1_000);
  const say = (): void => {
    const rate = Math.round(executions / elapsed());
    const sizes = corpora.reduce((sum, corpus) => sum + corpus.size, 0);
    console.log(
      `${elapsed().toFixed(0)} s  ${executions} executions  ${rate}/s  ${coverage.reached} blocks  corpus ${sizes}  slowest ${worst.ms.toFixed(1)} ms (${worst.name})`,
    );
  };
  console.log(`seed ${seed}, ${seconds} s, targets: ${corpora.map(({ target }) => target.name).join(', ')}`);
  const execute = async ({ target }: Corpus, bytes: Uint8Array): Promise<string> => {
    const { failure, signature, ms } = await tryInput(target, bytes);
    executions += 1;
    if (ms > worst.ms) worst = { ms, name: target.name };
    if (failure !== undefined) fail(target, bytes, failure);
    return signature;
  };
  for (const corpus of corpora) {
    for (const bytes of corpus.target.seeds) {
      const signature = await execute(corpus, bytes);
      if (signature !== 'accepted' && corpus.target.name !== 'part-member') fail(corpus.target, bytes, signature);
    }
  }
  coverage.grew();
  for (let round = 0; !isOver(); round++) {
    const corpus = corpora[round % corpora.length] as Corpus;
    const batch: Uint8Array[] = [];
    while (batch.length < batchSize && !isOver()) {
      const bytes = corpus.next(random);
      batch.push(bytes);
      if (corpus.isNew(await execute(corpus, bytes))) corpus.keep(bytes);
    }
    // Something in the batch reached a new block: its inputs are good to go on from. Finding out which one costs more than it gains.
    if (coverage.grew()) for (const bytes of batch.slice(0, 20)) corpus.keep(bytes);
    if (performance.now() - saidAt < 5_000) continue;
    saidAt = performance.now();
    say();
  }
  coverage.close();
  say();
  console.log('no failure');
};

const file = options.get('--replay');
if (file !== undefined) await replay(file);
else {
  const numberOf = (name: string, unless: number): number => Number(options.get(name) ?? unless);
  await fuzz({
    seconds: numberOf('--seconds', 120),
    least: numberOf('--executions', 0),
    seed: numberOf('--seed', 1),
    only: options.get('--target'),
  });
}
