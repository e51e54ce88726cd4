import type { Coordinator } from '@skein/coordinator';
import type { RolloutRecord } from '@skein/domain';
import { defaultTenant, isDomainError, isLive } from '@skein/domain';
import type { Random } from '@skein/ports';
import type { World } from './create-world.ts';
import { call, pick } from './sim-clients.ts';

type Rollouts = Coordinator['rollouts'];
type Start = Parameters<Rollouts['start']>[2];

/** Weights that people give. */
const weights = [0, 0.1, 0.25, 0.5, 0.5, 0.75, 1] as const;

/** Codes with which a person's wish may be refused; any other is a bug. */
const refusals: ReadonlySet<string> = new Set([
  'already_exists',
  'illegal_transition',
  'not_found',
  'unprocessable',
  'invalid_argument',
]);

/** How a person is. */
export interface Temper {
  readonly isPatient: boolean;
  /** Longest time between two wishes, in ms. */
  readonly maxPauseMs: number;
}

const by = (random: Random) => ({ actor: pick(random, ['ann', 'bob', 'eve']) ?? 'ann' });

const startOf = (world: World, random: Random, agentId: string, { isPatient }: Temper): Start => {
  const versions = world.versions[agentId] ?? [];
  const common = {
    runPolicy: pick(random, ['drain', 'migrate', 'abort'] as const) ?? 'drain',
    memory: pick(random, ['frozen', 'forked', 'forked', 'shared'] as const) ?? 'frozen',
    onMissing: pick(random, ['drop', 'zero'] as const) ?? 'drop',
    alpha: 0.2,
    promoteAlpha: 0.4,
    runDeadlineMs: 120_000,
    valueDeadlineMs: 10_000,
    force: true,
    reason: 'a simulation',
    ...(random.next() < 0.3 ? { forced: [{ unit: `user-${random.integer(4)}`, arm: 'stable' }] } : {}),
    rules: [{ metric: 'error' as const, promoteMargin: 0.9 }],
    ...(!isPatient && random.next() < 0.2 ? { eligibility: 'context.tier == "gold"' } : {}),
    ...(random.next() < 0.15 ? { draft: true } : {}),
    ...(random.next() < 0.5
      ? { scorers: [{ id: 'ended', kind: 'expression' as const, expression: 'status == "succeeded"' }] }
      : {}),
  };
  if (random.next() < (isPatient ? 0.15 : 0.3)) {
    const third = versions.map((versionId, index) => ({
      versionId,
      weight: index === 0 ? 0.34 : 0.33,
      label: `arm-${index}`,
    }));
    const { forced: _none, ...rest } = common;
    return { ...rest, type: 'ab_test', arms: third };
  }
  const candidateVersionId = pick(random, versions) ?? '';
  if (!isPatient && random.next() < 0.4)
    return { ...common, type: 'canary', candidateVersionId, weight: 0.5, steps: [] };
  return {
    ...common,
    type: 'canary',
    candidateVersionId,
    steps: [
      { weight: 0.4, minUnits: 1, minDurationMs: 500, maxHarm: 1 },
      { weight: 0.5, minUnits: 1, minDurationMs: 500, maxHarm: 1, gate: random.next() < 0.3 ? 'approval' : 'auto' },
      { weight: 1, minUnits: 1, minDurationMs: 500, maxHarm: 1 },
    ],
  };
};

/** The record that a person saw last: now and then an old one. */
const seen = async (world: World, random: Random, agentId: string): Promise<RolloutRecord | undefined> => {
  const { rollouts } = await world.stores.rollouts.list(defaultTenant, agentId, 0, 0);
  const record = rollouts.find(({ status }) => isLive(status)) ?? rollouts[0];
  if (record === undefined || random.next() < 0.7) return record;
  // What was read is old by the time that it is used.
  await world.clock.sleep(random.integer(1_500));
  return record;
};

type Deed = (
  rollouts: Rollouts,
  random: Random,
  agentId: string,
  record: RolloutRecord | undefined,
) => Promise<unknown>;

const deedsOf = (world: World, temper: Temper): { readonly [name: string]: Deed } => ({
  start: (rollouts, random, agentId) =>
    rollouts.start(defaultTenant, agentId, startOf(world, random, agentId, temper), by(random)),
  patch: (rollouts, random, agentId, record) => {
    const revision = record?.revision ?? 1;
    const weight = pick(random, weights) ?? 0.5;
    const [, first, ...others] = record?.arms ?? [];
    const isTest = record?.type === 'ab_test';
    const parts = isTest && first !== undefined ? { [first.label]: weight * 0.6 } : {};
    return rollouts.patch(
      defaultTenant,
      agentId,
      {
        revision,
        ...(isTest && others.length > 0 ? { weights: parts } : { weight }),
        ...(random.next() < 0.2 ? { runPolicy: pick(random, ['drain', 'migrate', 'abort'] as const) ?? 'drain' } : {}),
        reason: 'a simulation',
      },
      by(random),
    );
  },
  force: (rollouts, random, agentId, record) => {
    const arm = pick(random, record?.arms ?? [])?.label ?? 'stable';
    const forced = [{ unit: `user-${random.integer(8)}`, arm }];
    return rollouts.patch(defaultTenant, agentId, { revision: record?.revision ?? 1, forced }, by(random));
  },
  rules: (rollouts, random, agentId, record) =>
    rollouts.patch(
      defaultTenant,
      agentId,
      {
        revision: record?.revision ?? 1,
        rules: [{ metric: 'error', action: pick(random, ['rollback', 'pause', 'notify'] as const) ?? 'pause' }],
      },
      by(random),
    ),
  activate: (rollouts, random, agentId) => rollouts.activate(defaultTenant, agentId, {}, by(random)),
  pause: (rollouts, random, agentId) => rollouts.pause(defaultTenant, agentId, {}, by(random)),
  resume: (rollouts, random, agentId) => rollouts.resume(defaultTenant, agentId, {}, by(random)),
  approve: (rollouts, random, agentId) => rollouts.approve(defaultTenant, agentId, {}, by(random)),
  promote: (rollouts, random, agentId, record) => {
    const versionId = record?.type === 'ab_test' ? pick(random, record.arms)?.versionId : undefined;
    return rollouts.promote(
      defaultTenant,
      agentId,
      {
        revision: record?.revision ?? 1,
        ...(versionId === undefined ? {} : { versionId }),
        force: true,
        reason: 'a simulation',
      },
      by(random),
    );
  },
  rollback: (rollouts, random, agentId) => rollouts.rollback(defaultTenant, agentId, {}, by(random)),
  cancel: (rollouts, random, agentId) => rollouts.cancel(defaultTenant, agentId, {}, by(random)),
  freeze: (rollouts, random, agentId) => rollouts.freeze(defaultTenant, agentId, 'a simulation', by(random)),
  unfreeze: (rollouts, random, agentId) => rollouts.unfreeze(defaultTenant, agentId, by(random)),
});

/** What people do, and how often beside each other. */
const wishes: readonly (readonly [name: string, share: number])[] = [
  ['patch', 6],
  ['force', 2],
  ['rules', 0.5],
  ['activate', 1],
  ['pause', 2],
  ['resume', 4],
  ['approve', 2],
  ['promote', 1],
  ['rollback', 1.5],
  ['cancel', 0.7],
  ['freeze', 0.5],
  ['unfreeze', 2],
  ['by hand', 0.7],
  ['start', 1],
];

/** What those do who let a rollout take its course. */
const patientWishes: typeof wishes = [
  ['resume', 5],
  ['approve', 5],
  ['unfreeze', 2],
  ['patch', 0.5],
];

const wishOf = (random: Random, of: typeof wishes): string => {
  let draw = random.next() * of.reduce((sum, [, share]) => sum + share, 0);
  for (const [name, share] of of) {
    draw -= share;
    if (draw < 0) return name;
  }
  return 'patch';
};

/** One wish of one person, and what became of it, counted. */
const wish = async (
  world: World,
  random: Random,
  agentId: string,
  temper: Temper,
  counts: Map<string, number>,
): Promise<void> => {
  const record = await seen(world, random, agentId);
  const isIdle = record === undefined || !isLive(record.status);
  const name = isIdle && random.next() < 0.8 ? 'start' : wishOf(random, temper.isPatient ? patientWishes : wishes);
  const hand = pick(random, world.versions[agentId] ?? []) ?? '';
  let outcome = 'done';
  try {
    const answer = await call(world, async (api) =>
      name === 'by hand'
        ? api.activateVersion(defaultTenant, agentId, hand, by(random).actor)
        : ((await deedsOf(world, temper)[name]?.(api.rollouts, random, agentId, record)) ?? true),
    );
    if (answer === undefined) outcome = 'unanswered';
  } catch (thrown) {
    if (!isDomainError(thrown) || !refusals.has(thrown.code)) throw thrown;
    outcome = thrown.code;
  }
  counts.set(`${name} ${outcome}`, (counts.get(`${name} ${outcome}`) ?? 0) + 1);
};

/** Somebody who has wishes about the rollouts of these agents as long as there is chaos. */
export const playPerson = async (
  world: World,
  random: Random,
  agents: readonly string[],
  temper: Temper,
  chaos: () => boolean,
  counts: Map<string, number>,
): Promise<void> => {
  while (chaos()) {
    await wish(world, random, pick(random, agents) ?? '', temper, counts).catch((thrown: unknown) =>
      world.seen.push(`a person was told: ${String(thrown)}`),
    );
    await world.clock.sleep(random.integer(temper.maxPauseMs));
  }
};
