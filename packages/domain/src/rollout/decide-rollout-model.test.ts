import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ada, canary, evidenceOf, experiment, start, startOf } from '../../test/rollout-samples.ts';
import { isDomainError } from '../errors/domain-error.ts';
import { decideRollout, type RolloutCommand } from './decide-rollout.ts';
import { type RolloutRecord, type RolloutStatus, totalParts } from './rollout-record.ts';
import { isTerminalRollout } from './rollout-status.ts';
import { routingSegments } from './segments.ts';

/** What is known of a rollout without looking at how it is decided. */
interface Model {
  status: RolloutStatus;
  revision: number;
  epoch: number;
}

interface Real {
  record: RolloutRecord;
  at: number;
}

const statusAfter: { readonly [type in RolloutCommand['type']]?: RolloutStatus } = {
  activate: 'active',
  pause: 'paused',
  resume: 'active',
  promote: 'completed',
  complete: 'completed',
  rollback: 'rolled_back',
  cancel: 'cancelled',
};

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

/** Everything that must hold of any record, whatever happened to it. */
const expectSound = (record: RolloutRecord): void => {
  expect(sumOf(record.arms.map((arm) => arm.parts))).toBe(totalParts);
  const sizes = record.arms.map((_, arm) =>
    sumOf(record.segments.filter((one) => one.arm === arm).map(({ lo, hi }) => hi - lo)),
  );
  expect(sizes).toEqual(record.arms.map((arm) => arm.parts));
  expect(record.epochs.map(({ epoch }) => epoch)).toEqual(record.epochs.map((_, index) => index + 1));
  expect(record.epochs.at(-1)?.epoch).toBe(record.epoch);
  for (const { parts } of record.epochs) expect(sumOf(parts)).toBe(totalParts);
  expect(record.completedAt !== undefined).toBe(isTerminalRollout(record.status));
  expect(record.stepIndex).toBeLessThan(Math.max(1, record.steps.length));
  expect(record.stepStartedAt).toBeLessThanOrEqual(record.updatedAt);
};

class Doing implements fc.Command<Model, Real> {
  private readonly command: RolloutCommand;
  private readonly waitMs: number;

  constructor(command: RolloutCommand, waitMs: number) {
    this.command = command;
    this.waitMs = waitMs;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    const before = real.record;
    real.at += this.waitMs;
    const decided = this.decide(real);
    if (decided === undefined) {
      expect(real.record).toBe(before);
      return;
    }
    const { record, event } = decided;
    // A terminal record never changes (I3), but for the mark that the run policy is done.
    if (isTerminalRollout(before.status)) {
      expect(this.command.type).toBe('policy_done');
      const { policyPending: _pending, ...rest } = before;
      expect(record).toEqual({ ...rest, revision: before.revision + 1, updatedAt: record.updatedAt });
    }
    model.revision += 1;
    expect(record.revision).toBe(model.revision);
    expect(event).toMatchObject({ revision: model.revision, at: record.updatedAt });
    const isToggle = this.command.type === 'pause' || this.command.type === 'resume';
    const isRerouted = JSON.stringify(routingSegments(before)) !== JSON.stringify(routingSegments(record));
    if (isToggle || isRerouted) model.epoch += 1;
    expect(record.epoch).toBe(model.epoch);
    model.status = statusAfter[this.command.type] ?? model.status;
    expect(record.status).toBe(model.status);
    expectSound(record);
    real.record = record;
  }

  private decide(real: Real): ReturnType<typeof decideRollout> | undefined {
    try {
      return decideRollout(real.record, this.command, ada, real.at);
    } catch (thrown) {
      if (isDomainError(thrown) && ['illegal_transition', 'invalid_argument', 'unprocessable'].includes(thrown.code)) {
        return undefined;
      }
      throw thrown;
    }
  }

  toString(): string {
    return `${JSON.stringify(this.command)} after ${this.waitMs} ms`;
  }
}

const partsOfArms = (arms: number): fc.Arbitrary<readonly number[]> =>
  fc
    .array(fc.integer({ min: 0, max: Math.floor(totalParts / 8) }), { minLength: arms - 1, maxLength: arms - 1 })
    .map((others) => [totalParts - sumOf(others), ...others]);

const commandsFor = (arms: number): fc.Arbitrary<RolloutCommand> => {
  const evidence = fc
    .array(fc.nat({ max: 1_000 }), { minLength: arms, maxLength: arms })
    .map((units) => evidenceOf(units));
  const reason = fc.constantFrom('requested', 'regression', 'srm_alarm', 'no_data', 'superseded' as const);
  return fc.oneof(
    { weight: 4, arbitrary: partsOfArms(arms).map((parts) => ({ type: 'set_weight' as const, parts })) },
    { weight: 6, arbitrary: evidence.map((one) => ({ type: 'advance' as const, evidence: one })) },
    { weight: 3, arbitrary: reason.map((one) => ({ type: 'pause' as const, reason: one })) },
    { weight: 3, arbitrary: fc.constant({ type: 'resume' as const }) },
    { weight: 2, arbitrary: fc.constant({ type: 'activate' as const }) },
    { weight: 2, arbitrary: fc.constant({ type: 'approve' as const }) },
    { weight: 2, arbitrary: fc.constant({ type: 'change' as const, onNoData: 'ignore' as const }) },
    { weight: 2, arbitrary: evidence.map((one) => ({ type: 'breached' as const, rule: 'error', evidence: one })) },
    { weight: 1, arbitrary: evidence.map((one) => ({ type: 'complete' as const, evidence: one })) },
    { weight: 1, arbitrary: fc.nat({ max: arms }).map((arm) => ({ type: 'promote' as const, arm })) },
    { weight: 1, arbitrary: reason.map((one) => ({ type: 'rollback' as const, reason: one })) },
    { weight: 1, arbitrary: reason.map((one) => ({ type: 'cancel' as const, reason: one })) },
    { weight: 1, arbitrary: fc.constant({ type: 'policy_done' as const }) },
  );
};

const starts: readonly (readonly [string, RolloutRecord])[] = [
  ['a canary with a plan', startOf(canary())],
  ['a canary by hand', startOf(canary({ weight: 0.2, runPolicy: 'migrate', memory: 'forked' }))],
  [
    'a draft with approvals',
    startOf(
      canary({
        draft: true,
        runPolicy: 'abort',
        steps: [{ weight: 0.1, gate: 'approval' }, { weight: 0.5 }, { weight: 1, gate: 'approval' }],
      }),
    ),
  ],
  ['an experiment of five', startOf(experiment([0.1, 0.2, 0.1, 0.1]))],
];

describe('a rollout, whatever is done to it', () => {
  test('[g12.12] never has a unit in two arms within one epoch: the segments of an epoch are the same in every revision of it', () => {
    for (const [, first] of starts) {
      fc.assert(
        fc.property(fc.array(commandsFor(first.arms.length), { maxLength: 40 }), (commands) => {
          let record = first;
          const armOf = new Map<number, string>();
          const note = (): void => {
            // Where everybody gets stable by its status nobody is counted.
            const segments = JSON.stringify(routingSegments(record));
            expect(armOf.get(record.epoch) ?? segments).toBe(segments);
            armOf.set(record.epoch, segments);
          };
          note();
          for (const command of commands) {
            try {
              record = decideRollout(record, command, ada, record.updatedAt + 1).record;
            } catch (thrown) {
              if (!isDomainError(thrown)) throw thrown;
            }
            expect(record.salt).toBe(first.salt);
            note();
          }
        }),
        { numRuns: 100 },
      );
    }
  });

  test.each(starts)(
    'counts its revisions (I2), ends once (I3), and rises an epoch with each change of routing: %s',
    (_, record) => {
      const doing = fc
        .tuple(commandsFor(record.arms.length), fc.nat({ max: 100_000 }))
        .map(([command, waitMs]) => new Doing(command, waitMs));
      fc.assert(
        fc.property(fc.commands([doing], { maxCommands: 40 }), (commands) => {
          fc.modelRun(
            () => ({ model: { status: record.status, revision: 1, epoch: 1 }, real: { record, at: start } }),
            commands,
          );
        }),
        { numRuns: 40 },
      );
    },
  );

  test('takes changes of weight until its epochs are full, and an end even then', () => {
    let record = startOf(canary({ weight: 0.5 }));
    const flip = (): void => {
      const parts = record.epoch % 2 === 0 ? [totalParts / 2, totalParts / 2] : [totalParts - 1, 1];
      record = decideRollout(record, { type: 'set_weight', parts }, ada, start).record;
    };
    expect(() => {
      for (;;) flip();
    }).toThrow(expect.objectContaining({ code: 'unprocessable' }));
    expect(record.epochs).toHaveLength(510);
    const paused = decideRollout(record, { type: 'pause', reason: 'requested' }, ada, start).record;
    const won = decideRollout(paused, { type: 'promote', arm: 1 }, ada, start).record;
    expect(won.epochs).toHaveLength(512);
  });
});
