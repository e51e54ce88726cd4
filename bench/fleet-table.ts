// Writes the table of a fleet's figures in docs/benchmarks.md. What was measured on a busy machine, or with few samples, is left out.
//   npm run bench:fleet -- --json > fleet.json
//   npx tsx --conditions skein-source bench/fleet-table.ts fleet.json [--print]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { busyShare, type FleetReport } from './src/fleet/report.ts';
import { round3 } from './src/measure.ts';
import { publishFigures } from './src/rollouts/publish-figures.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { print: { type: 'boolean', default: false } },
});
const [file = 'fleet.json'] = positionals;
const { quick, machine, parts } = JSON.parse(readFileSync(file, 'utf8')) as FleetReport;

const number = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 4 });

// A figure beside an anchor that was disturbed says nothing.
const anchorsAreBusy = parts.some(({ name, others }) => name === 'anchors' && others > busyShare);
const quiet =
  quick || anchorsAreBusy ? [] : parts.filter(({ others, detail }) => others <= busyShare && !('failed' in detail));
const rows = quiet
  .flatMap(({ figures }) => figures)
  .map(({ what, ours, unit, p99, n, anchor, target }) => {
    const more = [...(p99 === undefined ? [] : [`p99 ${number(p99)}`]), ...(n === undefined ? [] : [`n = ${n}`])];
    const [said, beside] = [`${number(ours)} ${unit}`, anchor === undefined ? '' : `${number(anchor)} ${unit}`];
    const ratio = anchor === undefined ? '' : String(round3(ours / anchor));
    return `| ${what} | ${said}${more.length === 0 ? '' : ` (${more.join(', ')})`} | ${beside} | ${ratio} | ${target} |`;
  });
const missing = parts
  .filter((part) => !quiet.includes(part) && part.name !== 'anchors')
  .map(({ name }) => name)
  .join(', ');

const text = (
  rows.length === 0
    ? ['No quiet run of these is published yet.']
    : [
        `\`npm run bench:fleet\`, ${machine.cores} virtual cores, Node ${machine.node}; other processes used at most ${busyShare * 100} % of them:`,
        '',
        '| figure / anchor | ours | anchor | ratio | aim |',
        '|---|---|---|---|---|',
        ...rows,
        ...(missing === ''
          ? []
          : ['', `Not published, because the machine was busy meanwhile or it failed: ${missing}.`]),
      ]
).join('\n');
if (values.print) process.stdout.write(`${text}\n`);
else publishFigures('benchmarks.md', 'fleet figures', text);
