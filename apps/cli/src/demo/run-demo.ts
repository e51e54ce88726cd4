import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cli } from '../cli/cli.ts';
import { exitCodes } from '../cli/exit-code.ts';
import { type StartedUp, startUp } from '../quickstart/start-up.ts';
import { type DemoReport, reportAsJson, reportAsText } from './report.ts';
import { rollOut } from './roll-out.ts';

const project = fileURLToPath(new URL('../../../../examples/rollout', import.meta.url));
const workers = 2;

/** Few units and short steps: a demo has minutes, real traffic has days. */
const step = { minUnits: 5, minDurationMs: 1_000, maxHarm: 1 };

/** A drop of more than 5 points takes the version back. */
const badPlan = {
  steps: [
    { weight: 0.05, ...step },
    { weight: 0.5, ...step },
    { weight: 1, ...step },
  ],
  force: true,
  reason: 'demo',
};

/**
 * The margin of 40 points for "not worse" is far wider than anybody would use: it lets a few dozen tickets be enough for the last step.
 */
const goodPlan = {
  rules: [
    { metric: 'score:right' as const, promoteMargin: 0.4 },
    { metric: 'error' as const, promoteMargin: false as const },
  ],
  steps: [0.05, 0.25, 0.5, 1].map((weight) => ({ weight, ...step })),
  force: true,
  reason: 'demo',
};

/** A worse version takes itself back, a good one is promoted: for real, on a fleet of its own. Sets the exit code. */
export const runDemo = async (cli: Cli, json: boolean, beganAt: number): Promise<void> => {
  const say = (text: string) => (json ? cli.note(text) : cli.out(text));
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-demo-'));
  let up: StartedUp | undefined;
  try {
    say(cli.colors.dim(`starting a coordinator, a scheduler and ${workers} workers`));
    up = await startUp({ dataDir, project, workers, env: cli.config.env, keep: false, signal: cli.signal });
    const { client } = up;
    const told = (text: string) => say(`  ${text}`);
    say(cli.colors.bold('\nA hasty version: it calls almost everything billing. A canary at 5 % meets it.'));
    const bad = await rollOut(cli, client, project, { version: 'hasty', plan: badPlan, say: told });
    say(
      cli.colors.bold(
        '\nA careful version: it knows more words. Step by step, with a margin that is wide enough for a demo.',
      ),
    );
    const good = await rollOut(cli, client, project, { version: 'careful', plan: goodPlan, say: told });
    const report: DemoReport = { bad, good, seconds: Math.round((Date.now() - beganAt) / 100) / 10 };
    const ok = bad.rollout.status === 'rolled_back' && good.rollout.status === 'completed';
    if (!ok) cli.exitCode = exitCodes.failed;
    if (!json) cli.out(reportAsText(cli.colors, report));
    // Nothing may follow the object.
    await up.stop();
    if (json) cli.out(reportAsJson(report, ok));
  } finally {
    await up?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
};
