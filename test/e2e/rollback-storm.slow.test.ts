import type { RunView } from '@skein/domain';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GivenTime } from './given-time.ts';
import { RolloutFleet, sorter, sortParams, sortStep, words } from './rollout-fleet.ts';

const clients = 8;
const submits = 10_000;
const rollbacks = 20;

let fleet: RolloutFleet;
let blind: string;

// The gate is passed over and the agent's step with it: a run is routed as any other when it is admitted, and needs no worker to end.
beforeAll(async () => {
  fleet = await RolloutFleet.start(
    {
      ...sorter('letters'),
      'dags/storm.yaml': `name: storm
${sortParams}steps:
  - id: gate
    preconditions: [{ condition: "\${params.text}", expected: nothing like it }]
    wait: { duration_sec: 1 }
${sortStep('letters', '    depends: gate\n')}`,
    },
    { workers: 0 },
  );
  blind = await fleet.publish('letters', words.blind);
});

afterAll(async () => {
  const { left } = await fleet.stop();
  expect(left).toEqual([]);
});

interface Admitted {
  readonly source: string;
  readonly isCandidate: boolean;
  /** Wall clock of the coordinator, ms. */
  readonly at: number;
}

let next = 0;

const submit = async (): Promise<Admitted> => {
  const routingContext = { resourceId: `customer-${next++}` };
  const { status, body } = await fleet.stack.call<RunView>('POST', '/api/runs', { dag: 'storm', routingContext });
  if (status !== 201 || body.startedAt === undefined) throw new Error(`a submit: ${status} ${JSON.stringify(body)}`);
  const { versionId, source } = body.agents['letters'] ?? expect.fail('no decision');
  return { source, isCandidate: versionId === blind, at: Date.parse(body.startedAt) };
};

/** Submits by all clients, each one after the other, until it is over. */
const storm = async (isOver: () => boolean): Promise<readonly Admitted[]> => {
  const admitted: Admitted[] = [];
  const client = async (): Promise<void> => {
    while (!isOver()) admitted.push(await submit());
  };
  await Promise.all(Array.from({ length: clients }, client));
  return admitted;
};

const start = () =>
  fleet.client.rollouts.start('letters', {
    type: 'canary',
    candidateVersionId: blind,
    weight: 0.5,
    steps: [],
    force: true,
    reason: 'storm',
  });

it(`[g12.15] after the commit of a rollback ${submits} submits from ${clients} clients get the candidate zero times (I7, O4)`, async () => {
  await start();
  // Every cache is warm, and knows the rollout.
  let before = 0;
  const warm = await storm(() => ++before > 400);
  expect(warm.filter(({ isCandidate }) => isCandidate).length).toBeGreaterThan(100);
  let answered: number | undefined;
  let after = 0;
  const late: Admitted[] = [];
  const client = async (): Promise<void> => {
    for (;;) {
      // Sent after the answer: it cannot have been admitted before the commit.
      const isLate = answered !== undefined;
      if (isLate && ++after > submits) return;
      const one = await submit();
      if (isLate) late.push(one);
    }
  };
  const lanes = Promise.all(Array.from({ length: clients }, client));
  const rolledBack = await fleet.client.rollouts.rollback('letters', { reason: 'storm' });
  answered = performance.now();
  await lanes;
  const seconds = (performance.now() - answered) / 1_000;
  console.log(`${late.length} submits after the rollback, ${Math.round(late.length / seconds)} per second`);
  expect(rolledBack.status).toBe('rolled_back');
  expect(late).toHaveLength(submits);
  expect(late.filter(({ isCandidate }) => isCandidate)).toEqual([]);
  expect(new Set(late.map(({ source }) => source))).toEqual(new Set(['active']));
}, 600_000);

it(`[g12.15] the last run that gets the candidate is admitted less than 1 s after the commit, in ${rollbacks} rollbacks under load`, async () => {
  const lags: number[] = [];
  const coordinator = fleet.stack.processOf('coordinator')?.pid ?? -1;
  let candidates = 0;
  for (let round = 0; round < rollbacks; round += 1) {
    const { id } = await start();
    let isOver = false;
    let seen = 0;
    const lanes = storm(() => {
      seen += 1;
      return isOver;
    });
    const machine = new GivenTime(() => [coordinator]);
    while (seen < 100) await new Promise((resolve) => setTimeout(resolve, 5));
    await fleet.client.rollouts.rollback('letters', { reason: 'storm' });
    const mark = seen;
    while (seen < mark + 100) await new Promise((resolve) => setTimeout(resolve, 5));
    isOver = true;
    machine.stop();
    const met = (await lanes).filter(({ isCandidate }) => isCandidate);
    const { completedAt } = await fleet.client.rollouts.read(id);
    candidates += met.length;
    const last = Math.max(...met.map(({ at }) => at));
    lags.push(Math.max(0, last - Date.parse(completedAt ?? '') - machine.lostMs));
  }
  lags.sort((a, b) => a - b);
  const p99 = lags[Math.min(lags.length - 1, Math.floor(lags.length * 0.99))] ?? Number.NaN;
  console.log(`commit to the last candidate run, ${rollbacks} rollbacks: p50 ${lags[rollbacks / 2]} ms, p99 ${p99} ms`);
  expect(candidates).toBeGreaterThan(rollbacks * 20);
  expect(p99).toBeLessThan(1_000);
}, 300_000);
