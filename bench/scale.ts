// A model of many cells on virtual time, driven by the rules of the product: routing, decisions, planning, leases. It says where the first
// bottleneck would be, not how fast anything is: costs come from bench/src/scale/costs.ts, those of the rules are measured at its start.
//   npm run bench:scale [-- --cells N --workers N --runs-per-hour N --minutes M --seed S --without-lease --json]
import { parseArgs } from 'node:util';
import { round3 } from './src/measure.ts';
import { simulateScale } from './src/scale/simulate-scale.ts';

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '10' },
    coordinators: { type: 'string', default: '3' },
    workers: { type: 'string', default: '100000' },
    'runs-per-hour': { type: 'string', default: '1000000' },
    minutes: { type: 'string', default: '10' },
    steps: { type: 'string', default: '3' },
    'step-ms': { type: 'string', default: '60000' },
    seed: { type: 'string', default: '1' },
    'without-lease': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const beganAt = process.hrtime.bigint();
const report = simulateScale({
  cells: Number(values.cells),
  coordinatorsPerCell: Number(values.coordinators),
  workers: Number(values.workers),
  runsPerHour: Number(values['runs-per-hour']),
  minutes: Number(values.minutes),
  steps: Number(values.steps),
  stepMs: Number(values['step-ms']),
  seed: Number(values.seed),
  withoutLease: values['without-lease'],
});
const seconds = Number(process.hrtime.bigint() - beganAt) / 1e9;

const percent = (share: number): string => `${round3(share * 100)} %`;
const spread = ({ p50, p99, max }: { p50: number; p99: number; max: number }): string =>
  `p50 ${round3(p50)} ms, p99 ${round3(p99)} ms, max ${round3(max)} ms`;

if (values.json) console.log(JSON.stringify(report));
else {
  const { rules, use, rollback, lostCell, bottleneck } = report;
  const lines: readonly (readonly [string, string])[] = [
    ['virtual time', `${values.minutes} min in ${round3(seconds)} s`],
    [
      'rules, measured',
      `route ${round3(rules.routeMs * 1e3)} us, turn ${round3(rules.turnMs * 1e3)} us, place ${round3(rules.placePerWorkerMs * 1e6)} ns per free worker`,
    ],
    ['runs', `${report.submits} submitted, ${report.admissions} admitted, ${report.finished} finished`],
    ['submit to accepted', spread(report.submitMs)],
    ['ready to started', spread(report.dispatchMs)],
    ['tasks passed on in a cell', String(report.passedOn)],
    [
      'loss of a cell',
      `${lostCell.openRuns} open runs waited for it, ${lostCell.stepsAgain} steps began again, ${lostCell.refusedSubmits} submits were tried again`,
    ],
    [
      'rollback of the fleet',
      `committed after ${round3(rollback.commitMs)} ms, ${rollback.candidatesBefore} candidate runs before, ${rollback.stale} after`,
    ],
    [
      'use',
      `coordinator ${percent(use.coordinators)}, database ${percent(use.databases)}, workers ${percent(use.workers)}`,
    ],
    ['first bottleneck', `${bottleneck.name}, full at ${round3(bottleneck.timesThisLoad)} times this load`],
    ['requests to the global store', `${round3(report.controlPerSecond)} a second`],
  ];
  for (const [name, text] of lines) console.log(`${name.padEnd(32)}${text}`);
}
// Mixed: with leases no candidate run may come after the commit.
process.exitCode = report.rollback.stale > 0 && !values['without-lease'] ? 1 : 0;
