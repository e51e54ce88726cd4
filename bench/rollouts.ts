// Simulates rollouts and writes the table between the figure marks of docs/rollouts.md: false rollbacks of equal versions, sizes of detection.
// Then measures what they cost, each figure beside its anchor in the same run, and writes the table of docs/benchmarks.md. Build first.
//   npm run bench:rollouts [-- --json] [--print] [--runs N] [--only simulation|cost]
import { loadavg } from 'node:os';
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
import { round3 } from './src/measure.ts';
import { type Figure, renderFigures } from './src/render-figures.ts';
import { measureEvaluator } from './src/rollouts/evaluator-figures.ts';
import { publishFigures } from './src/rollouts/publish-figures.ts';
import { measureRouting } from './src/rollouts/routing-figures.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    print: { type: 'boolean', default: false },
    runs: { type: 'string', default: '10000' },
    only: { type: 'string' },
  },
});
const runs = Number(values.runs);

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

const rowOf = ({ what, ours, unit, anchor, target, p99, n }: Figure): string => {
  const more = [...(p99 === undefined ? [] : [`p99 ${p99}`]), ...(n === undefined ? [] : [`n = ${n}`])].join(', ');
  const cells = [what, `${ours} ${unit}${more === '' ? '' : ` (${more})`}`, `${anchor} ${unit}`];
  return `| ${[...cells, anchor === undefined ? '' : round3(ours / anchor), target].join(' | ')} |`;
};

const simulate = async (): Promise<object> => {
  const rates = await measureFalseRates(equalVersions, runs);
  const sizes = await measureDetections(worseVersions, Math.max(100, Math.floor(runs / 10)));
  const table = [...falseTable(rates), '', ...sizeTable(sizes)].join('\n');
  if (!values.json) process.stdout.write(`${table}\n`);
  if (!values.json && !values.print) publishFigures('rollouts.md', 'figures', table);
  const detections = worseVersions.map((version, at) => ({ ...version, median: quantileOf(sizes[at] ?? [], 0.5) }));
  const falseRates = equalVersions.map(({ name }, at) => ({ name, rates: rates[at] }));
  return { runs, alphas, falseRates, detections };
};

const measureCost = async (): Promise<object> => {
  const load = loadavg().map(round3);
  const routing = await measureRouting({ rounds: 5, submits: 2_000, rollbacks: 25 });
  const figures = [...measureEvaluator(15), ...routing];
  if (!values.json) process.stdout.write(`${renderFigures(figures)}\n`);
  const table = [
    `\`npm run bench:rollouts\`, two virtual cores, Node ${process.versions.node}, load average ${load.join(' ')} before it:`,
    '',
    '| figure / anchor | ours | anchor | ratio | aim |',
    '|---|---|---|---|---|',
    ...figures.map(rowOf),
  ].join('\n');
  if (!values.json && !values.print) publishFigures('benchmarks.md', 'rollout figures', table);
  return { figures, load };
};

const simulated = values.only === 'cost' ? {} : await simulate();
const cost = values.only === 'simulation' ? {} : await measureCost();
if (values.json) process.stdout.write(`${JSON.stringify({ ...simulated, ...cost })}\n`);
process.exit(0);
