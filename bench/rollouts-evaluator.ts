// Prints what the evidence of a rollout costs per observation, and decisions per second, each beside its anchor in the same run.
//   npm run bench:rollouts-evaluator [-- --json] [--samples N]
import { parseArgs } from 'node:util';
import { renderFigures } from './src/render-figures.ts';
import { measureEvaluator } from './src/rollouts/evaluator-figures.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, samples: { type: 'string', default: '15' } },
});
const figures = measureEvaluator(Number(values.samples));
process.stdout.write(values.json ? `${JSON.stringify({ figures })}\n` : `${renderFigures(figures)}\n`);
