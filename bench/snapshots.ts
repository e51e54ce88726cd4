// Prints the figures of snapshots, each beside its anchor in the same run: codec times, M8 (bytes on the wire) and coordinator memory.
//   npm run bench:snapshots [-- --json] [--samples N]
import { parseArgs } from 'node:util';
import { renderFigures } from './src/render-figures.ts';
import { measureCodec } from './src/snapshot/codec-figures.ts';
import { measureMemory } from './src/snapshot/memory-figures.ts';
import { measureWire } from './src/snapshot/wire-figures.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, samples: { type: 'string', default: '30' } },
});
const say = (line: string): void => {
  if (!values.json) process.stdout.write(`${line}\n`);
};

say('codec: build, encode, decode, verify, hydrate …');
const codec = await measureCodec(Number(values.samples));
say('wire: M8 over real workers …');
const wire = await measureWire(1024 * 1024);
say('memory: 200 workers on one snapshot …');
const memory = await measureMemory(200, 2 * 1024 * 1024);
const figures = [...codec, ...wire, ...(memory === undefined ? [] : [memory])];
process.stdout.write(values.json ? `${JSON.stringify({ figures })}\n` : `\n${renderFigures(figures)}\n`);
process.exit(0);
