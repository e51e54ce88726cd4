import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Digest } from '@skein/domain';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostileSnapshots } from '../test/hostile-snapshots.ts';
import { agentOf, goodParts, type LoosePart, limits, seal } from '../test/sealed.ts';
import { encodePart } from './part-codec.ts';

const MiB = 1024 * 1024;
/** What opening may take above the limit itself, whatever the bytes are. */
const allowance = 48;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-open-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Input {
  readonly digest: Digest;
  readonly envelope: Uint8Array;
  /** Of those that are damaged in a thousand places, what one leaves behind may add up. */
  readonly alone?: boolean;
}

/** Opens all in one child process; how each ended, and the most memory that it took over its baseline, in MiB. */
const measure = (inputs: Iterable<Input>): { outcomes: readonly string[]; takenMiB: number } => {
  const list: { file: string; digest: Digest; alone: boolean }[] = [];
  for (const { digest, envelope, alone = true } of inputs) {
    const file = join(folder, `envelope-${list.length}`);
    writeFileSync(file, envelope);
    list.push({ file, digest, alone });
  }
  writeFileSync(join(folder, 'list'), JSON.stringify(list));
  const program = fileURLToPath(new URL('../test/open-and-measure.ts', import.meta.url));
  // What a collection frees is free when it ends, not when a thread of the engine gets its turn on a busy machine.
  const engine = ['--expose-gc', '--no-concurrent-array-buffer-sweeping', '--single-threaded-gc'];
  const args = [...engine, '--conditions', 'skein-source', '--import', 'tsx', program, join(folder, 'list')];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  const { outcomes, taken } = JSON.parse(stdout) as { outcomes: string[]; taken: number };
  return { outcomes, takenMiB: taken / MiB };
};

/** Those that could take most of each kind, each in a fresh process; the others are in the whole corpus. */
const heavy = [
  'zeros without end',
  'a bomb behind a good manifest',
  'a thousand members that are bombs',
  'a bomb in a bomb',
  'a part: 190,000 names in one object',
  'three parts that share a budget of values',
  '100,000 tiny files in four skills',
];
const corpus = hostileSnapshots();

test.each(heavy)('%s, alone in a fresh process, stays within the limit and 48 MiB', (name) => {
  const hostile = corpus.find((one) => one.name === name);
  if (hostile === undefined) throw new Error('it is not in the corpus');
  const { outcomes, takenMiB } = measure([{ digest: hostile.digest, envelope: hostile.make() }]);
  expect(outcomes).toEqual([hostile.outcome]);
  console.info(`${name}: ${takenMiB.toFixed(1)} MiB over the baseline`);
  expect(takenMiB).toBeLessThan(limits.maxBytes / MiB + allowance);
});

test('the whole hostile corpus, one after the other, stays within the limit and 48 MiB, and the process goes on', () => {
  function* inputs(): Generator<Input> {
    for (const { name, digest, make } of corpus) {
      yield { digest, envelope: make(), alone: !/^(cut at|flip) /.test(name) };
    }
    const good = seal(goodParts);
    yield { digest: good.digest, envelope: good.envelope() };
  }
  const { outcomes, takenMiB } = measure(inputs());
  expect(outcomes).toHaveLength(corpus.length + 1);
  corpus.forEach(({ name, outcome }, index) => {
    if (typeof outcome === 'string') expect([name, outcomes[index]]).toEqual([name, outcome]);
    else expect(outcomes[index]).toMatch(outcome);
  });
  expect(outcomes.at(-1)).toBe('accepted');
  console.info(`hostile corpus: ${takenMiB.toFixed(1)} MiB over the baseline`);
  expect(takenMiB).toBeLessThan(limits.maxBytes / MiB + allowance);
});

/** Skills that fill the limit with this text, each made different by its name. */
const skills = (textOf: (index: number) => string, filesEach = 0): readonly LoosePart[] =>
  [0, 1, 2, 3].map((index) => {
    const name = `s${index}`;
    const skill = (repeats: number) => {
      const content = textOf(index).repeat(repeats);
      const files = Array.from({ length: filesEach }, (_, at) => ({
        path: `f${at}`,
        mode: 0o644,
        encoding: 'utf8' as const,
        content: content.slice(0, Math.floor(content.length / filesEach)),
      }));
      return encodePart('skill', { name, description: '', body: filesEach === 0 ? content : '', metadata: {}, files });
    };
    const room = limits.maxPartBytes - 500 - skill(0).length;
    return { kind: 'skill', name, bytes: skill(Math.floor((room / (skill(100).length - skill(0).length)) * 100)) };
  });

/** As many agents as fit, each with all the instructions that a JSON part may hold. */
const agents = (textOf: (index: number) => string): readonly LoosePart[] =>
  Array.from({ length: 31 }, (_, index) => {
    const text = textOf(index);
    const length = new TextEncoder().encode(text).length;
    const bytes = agentOf({ instructions: text.repeat(Math.floor((limits.maxJsonPartBytes - 2_000) / length)) });
    return { kind: 'agent', bytes };
  });

const others = goodParts.filter(({ kind }) => kind !== 'agent');

test.each<[string, () => readonly LoosePart[]]>([
  ['skills up to the limit', () => skills((index) => `plain text ${index} `)],
  ['skills in a wide alphabet', () => skills((index) => `${'plain text '.repeat(50)}${index}\u{1f600}`)],
  ['skills of escapes', () => skills((index) => `\u0001\u0002"\\${index}`)],
  ['skills of many files', () => skills((index) => `plain ${index} \u{1f600} `, 100)],
  ['agents up to the limit', () => [...agents((index) => `Instruction ${index}. `), ...others]],
  ['agents in a wide alphabet', () => [...agents((index) => `${'Instruct '.repeat(50)}${index}\u{1f600}`), ...others]],
])('%s are opened within the limit and 48 MiB', (name, make) => {
  const sealed = seal(make());
  const size = sealed.manifest.parts.reduce((sum, part) => sum + part.size, 0);
  expect(size).toBeGreaterThan(0.9 * limits.maxBytes);
  const { outcomes, takenMiB } = measure([{ digest: sealed.digest, envelope: sealed.envelope() }]);
  expect(outcomes).toEqual(['accepted']);
  console.info(`${name}: ${takenMiB.toFixed(1)} MiB over the baseline for ${(size / MiB).toFixed(1)} MiB`);
  expect(takenMiB).toBeLessThan(limits.maxBytes / MiB + allowance);
});
