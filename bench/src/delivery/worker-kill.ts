import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGrpcGateway } from '@skein/grpc';
import { incarnationVariable, launchProcess, superviseWorker } from '@skein/launcher';
import { createClient } from '@skein/sdk';
import { createIdSource, createPinoLog, createSystemClock, createSystemRandom } from '@skein/telemetry';
import { latencies, median, round3 } from '../measure.ts';
import { CoordinatorProcess } from '../skein/coordinator-process.ts';
import { until } from '../skein/until.ts';

/** From the kill of a worker to the first line of its step on another one, ms; and where that time goes, medians. */
export interface KillFigures {
  readonly samples: readonly number[];
  readonly split: { readonly killToLoss: number; readonly lossToLease: number; readonly leaseToBegin: number };
}

const workers = 4;

const dag = (name: string, more: string): string => `name: ${name}
params:
  - { name: ledger, type: string, required: true }
steps:
  - id: a
${more}    script: |
      echo "$SKEIN_RUN_ID $PPID $(date +%s%N)" >> "$LEDGER"
      if [ "$(grep -c "^$SKEIN_RUN_ID " "$LEDGER")" = 1 ]; then sleep 60; fi
    env: { LEDGER: "\${params.ledger}" }
`;

/** Ms since the epoch, finer than Date. */
const wallMs = (): number => performance.timeOrigin + performance.now();

/** Median ms of what the step itself costs before it can write its line: a shell and a `date`, started from Node. */
export const measureShell = async (n: number): Promise<number> =>
  round3(median(await latencies(n, () => Promise.resolve(spawnSync('sh', ['-c', 'echo "$(date +%s%N)"'])))));

/** Real worker processes below a launcher, killed while they run a step; n kills for each kind of step. */
export const measureWorkerKills = async (
  n: number,
): Promise<{ readonly repeatSafe: KillFigures; readonly otherwise: KillFigures }> => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-kill-'));
  const ledger = join(folder, 'ledger');
  writeFileSync(ledger, '');
  const coordinator = await CoordinatorProcess.start({
    'dags/safe.yaml': dag('safe', '    repeat_safe: true\n'),
    'dags/plain.yaml': dag('plain', ''),
  });
  const log = createPinoLog({ level: 'error' });
  const gateway = createGrpcGateway({ address: coordinator.grpc, log });
  const client = createClient({ url: coordinator.http, token: coordinator.token });
  const ids = createIdSource();
  const main = fileURLToPath(new URL('../../../apps/worker/dist/main.js', import.meta.url));
  const supervisors = Array.from({ length: workers }, (_, index) => {
    const workDir = join(folder, `worker-${index}`);
    mkdirSync(workDir);
    return superviseWorker({
      name: `worker-${index}`,
      gateway,
      credentials: { token: coordinator.joinToken },
      ids,
      clock: createSystemClock(),
      random: createSystemRandom(),
      log,
      // Killed again and again on purpose: no growing delay.
      policy: { baseMs: 100, factor: 1, maxMs: 100, healthyAfterMs: 0 },
      launch: (incarnation) =>
        launchProcess({
          command: process.execPath,
          args: [main],
          env: {
            PATH: process.env['PATH'],
            SKEIN_COORDINATOR: coordinator.grpc,
            SKEIN_JOIN_TOKEN: coordinator.joinToken,
            SKEIN_WORK_DIR: workDir,
            SKEIN_LOG_LEVEL: 'error',
            [incarnationVariable]: incarnation,
          },
          stdio: 'ignore',
          marker: incarnation,
          log,
        }),
    });
  });
  /** The nth time that the step of a run began; not the nth attempt: the coordinator may not have heard of the first when its worker died. */
  const beginOf = (runId: string, nth: number): Promise<{ readonly pid: number; readonly at: number }> =>
    until(
      `begin ${nth} of ${runId}`,
      () => {
        const lines = readFileSync(ledger, 'utf8')
          .split('\n')
          .map((each) => each.split(' '))
          .filter(([run]) => run === runId);
        const line = lines[nth - 1];
        return line?.[2] === undefined ? undefined : { pid: Number(line[1]), at: Number(line[2]) / 1e6 };
      },
      { everyMs: 5 },
    );
  const killOnce = async (name: string) => {
    // So that a worker that starts does not compete with the one that takes over.
    await coordinator.workersJoined(workers);
    const { run } = await client.runs.submit({ dag: name, params: { ledger } });
    const { pid } = await beginOf(run.runId, 1);
    const killedAt = wallMs();
    process.kill(pid, 'SIGKILL');
    const begun = await beginOf(run.runId, 2);
    const at = { loss: Number.NaN, lease: Number.NaN };
    for await (const fact of client.runs.watch(run.runId)) {
      if (fact.type === 'step_lost') at.loss = Date.parse(fact.at);
      if (fact.type === 'step_leased') at.lease = Date.parse(fact.at);
    }
    return {
      total: begun.at - killedAt,
      killToLoss: at.loss - killedAt,
      lossToLease: at.lease - at.loss,
      leaseToBegin: begun.at - at.lease,
    };
  };
  const figuresOf = async (name: string): Promise<KillFigures> => {
    const kills: Awaited<ReturnType<typeof killOnce>>[] = [];
    for (let index = 0; index < n; index += 1) kills.push(await killOnce(name));
    const middle = (key: 'killToLoss' | 'lossToLease' | 'leaseToBegin') =>
      round3(median(kills.map((kill) => kill[key])));
    return {
      samples: kills.map(({ total }) => total),
      split: {
        killToLoss: middle('killToLoss'),
        lossToLease: middle('lossToLease'),
        leaseToBegin: middle('leaseToBegin'),
      },
    };
  };
  try {
    await coordinator.workersJoined(workers);
    return { repeatSafe: await figuresOf('safe'), otherwise: await figuresOf('plain') };
  } finally {
    await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
    gateway.close();
    await coordinator.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};
