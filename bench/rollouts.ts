// Simulates rollouts and writes the table between the figure marks of docs/rollouts.md: false rollbacks of equal versions, sizes of detection.
//   npm run bench:rollouts [-- --json] [--print] [--runs N]
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  alphas,
  type Detection,
  equalVersions,
  measureDetections,
  measureFalseRates,
  quantileOf,
  worseVersions,
} from '../packages/domain/test/rollout-figures.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    print: { type: 'boolean', default: false },
    runs: { type: 'string', default: '10000' },
  },
});
const runs = Number(values.runs);
const page = new URL('../docs/rollouts.md', import.meta.url);
const [begin, end] = ['<!-- figures: begin -->', '<!-- figures: end -->'];

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

const falseTable = (rates: readonly (readonly number[])[]): string[] => [
  `| two equal versions, ${runs.toLocaleString('en-US')} rollouts each | ${alphas.map((alpha) => `rolled back at alpha ${alpha}`).join(' | ')} |`,
  `|---|${alphas.map(() => '---').join('|')}|`,
  ...equalVersions.map(({ name }, at) => `| ${name} | ${(rates[at] ?? []).map(percent).join(' | ')} |`),
];

const whatOf = ({ stable, candidate }: Detection): string => `${stable} falls to ${Number(candidate.toFixed(2))}`;

const sizeTable = (sizes: readonly (readonly number[])[]): string[] => [
  '| share of good values | weight | alpha | median | nine of ten | reference |',
  '|---|---|---|---|---|---|',
  ...worseVersions.map((version, at) => {
    const sorted = sizes[at] ?? [];
    const { weight, alpha, reference } = version;
    const found = [quantileOf(sorted, 0.5), quantileOf(sorted, 0.9), reference].map((n) => n.toLocaleString('en-US'));
    return `| ${whatOf(version)} | ${weight * 100} % | ${alpha} | ${found.join(' | ')} |`;
  }),
];

const rates = await measureFalseRates(equalVersions, runs);
const sizes = await measureDetections(worseVersions, Math.max(100, Math.floor(runs / 10)));
if (values.json) {
  const detections = worseVersions.map((version, at) => ({ ...version, median: quantileOf(sizes[at] ?? [], 0.5) }));
  const falseRates = equalVersions.map(({ name }, at) => ({ name, rates: rates[at] }));
  process.stdout.write(`${JSON.stringify({ runs, alphas, falseRates, detections })}\n`);
} else {
  const table = [...falseTable(rates), '', ...sizeTable(sizes)].join('\n');
  process.stdout.write(`${table}\n`);
  if (!values.print) {
    const text = readFileSync(page, 'utf8');
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/rollouts.md has no ${begin} … ${end}`);
    writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`);
  }
}
