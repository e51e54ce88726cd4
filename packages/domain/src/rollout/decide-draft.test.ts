import { describe, expect, test } from 'vitest';
import { ada, after, canary, start, startOf } from '../../test/rollout-samples.ts';
import { decideRollout } from './decide-rollout.ts';
import { explainRollout } from './explain-rollout.ts';

const refused = expect.objectContaining({ code: 'illegal_transition' });

describe('a draft', () => {
  const draft = startOf(canary({ draft: true }));
  const gated = startOf(canary({ replayId: 'rep_1' }));

  test('begins its step, its horizon and an epoch when it is activated', () => {
    const { record, event } = decideRollout(draft, { type: 'activate' }, ada, start + 50_000);
    expect(record).toMatchObject({
      status: 'active',
      startedAt: start + 50_000,
      stepStartedAt: start + 50_000,
      horizonAt: draft.horizonAt + 50_000,
      epoch: 2,
    });
    expect(event.type).toBe('activated');
  });

  test('that waits for a replay begins when it passes, and is cancelled when it fails', () => {
    expect(() => after(gated, { type: 'activate' })).toThrow(refused);
    expect(decideRollout(gated, { type: 'activate' }, { ...ada, force: true }, start).record.status).toBe('active');
    expect(after(gated, { type: 'replay', status: 'passed' })).toMatchObject({
      status: 'active',
      statusReason: 'replay_passed',
      replayGate: { status: 'passed' },
    });
    expect(after(gated, { type: 'replay', status: 'failed' })).toMatchObject({
      status: 'cancelled',
      statusReason: 'replay_failed',
    });
    expect(() => after(draft, { type: 'replay', status: 'passed' })).toThrow(refused);
  });

  test('whose replay decided nothing is left to a person, who may start it by force', () => {
    const { record, event } = decideRollout(gated, { type: 'replay', status: 'inconclusive' }, ada, start + 1);
    expect(record).toMatchObject({ status: 'draft', replayGate: { status: 'inconclusive' }, epoch: gated.epoch });
    expect(event).toMatchObject({ type: 'changed', reason: 'replay_inconclusive' });
    expect(event.explanation.next).toContain(`activate triage --rollout ${gated.id} --force --reason`);
    expect(explainRollout(record, undefined, undefined, start).because).toContain('see the replay rep_1');
    expect(() => after(record, { type: 'activate' })).toThrow(refused);
    expect(() => after(record, { type: 'replay', status: 'passed' })).toThrow(refused);
    expect(decideRollout(record, { type: 'activate' }, { ...ada, force: true }, start).record.status).toBe('active');
  });

  test('whose replay passed beside a live rollout is ready, and does not begin by itself', () => {
    const { record, event } = decideRollout(gated, { type: 'replay', status: 'passed', held: true }, ada, start + 1);
    expect(record).toMatchObject({ status: 'draft', replayGate: { status: 'passed', held: true } });
    expect(event).toMatchObject({
      type: 'changed',
      reason: 'replay_passed',
      explanation: {
        next: expect.stringContaining('Ready: activate it by hand'),
        because: expect.stringContaining('was live then'),
      },
    });
    const begun = decideRollout(record, { type: 'activate' }, ada, start + 2);
    expect(begun.record.status).toBe('active');
    expect(begun.event.explanation.because).not.toContain('was live then');
  });

  test('that a person wants to start waits for both', () => {
    const manual = startOf(canary({ replayId: 'rep_1', draft: true }));
    const passed = after(manual, { type: 'replay', status: 'passed' });
    expect(passed.status).toBe('draft');
    expect(after(passed, { type: 'activate' }).status).toBe('active');
  });
});
