import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { refusal, start } from '../../test/driven-run.ts';
import { approvalOf, reviewDag, waitingRun } from '../../test/waiting-run.ts';
import type { Dag, RunCommand, Step } from '../index.ts';
import { approvalsOf, decide, findTarget, viewRun } from '../index.ts';

const begin = (dag: Dag) => {
  const run = start(dag);
  return { ...run, ...waitingRun(run) };
};

const asked = (step: Step = approvalOf('approve')) => {
  const run = begin(dagOf([step, stepOf('after', { depends: ['approve'] })]));
  run.settle();
  run.askApproval();
  return run;
};

describe('an approval', () => {
  it('goes on when a person approves, with what the person gave', () => {
    const input = [{ name: 'channel', type: 'string', required: true }] as const;
    const run = asked(approvalOf('approve', {}, { input }));
    expect(viewRun(run.state).steps[0]).toMatchObject({
      waitReason: 'waiting_for_approval',
      wait: { for: 'approval', prompt: 'publish?' },
    });
    run.answer('approve', 'approve', { inputs: { channel: 'web' } });
    expect(viewRun(run.state).steps[0]).toMatchObject({
      status: 'succeeded',
      outputs: { channel: 'web', approvedBy: 'ada' },
    });
    expect(run.settle().ready.map(({ step }) => step)).toEqual(['after']);
  });

  it('keeps who decided and what they said about it', () => {
    const run = asked();
    run.answer('approve', 'approve', { reason: 'looks fine' });
    expect(viewRun(run.state).steps[0]?.answer).toMatchObject({
      decision: 'approved',
      by: 'ada',
      reason: 'looks fine',
    });
  });

  it('refuses inputs that are not of their type, and goes on waiting', () => {
    const run = asked(approvalOf('approve', {}, { input: [{ name: 'n', type: 'integer', required: true }] }));
    for (const inputs of [undefined, { n: 'x' }, { n: 1, m: 2 }]) {
      const command = { type: 'answer', step: 'approve', decision: 'approve', by: 'ada' } as const;
      expect(refusal(run.state, inputs === undefined ? command : { ...command, inputs })).toBe('invalid_argument');
    }
    expect(run.status('approve')).toBe('waiting');
  });

  it('speaks of inputs to who approves, not of parameters', () => {
    const run = asked(approvalOf('approve', {}, { input: [{ name: 'n', type: 'integer', required: true }] }));
    const decision = decide(run.state, { type: 'answer', step: 'approve', decision: 'approve', by: 'ada' }, 1_000);
    const error = decision.ok ? undefined : decision.error;
    expect(error?.message).toBe('the input "n" is required');
    expect(JSON.stringify(error?.details)).not.toContain('param');
  });

  it('fails when it is rejected, and says by whom and why', () => {
    const run = asked();
    run.answer('approve', 'reject', { reason: 'too long' });
    run.settle();
    expect(findTarget(run.state, 'approve')?.target.error).toMatchObject({
      code: 'permission_denied',
      message: 'rejected by ada: too long',
    });
    expect([run.status('after'), run.state.status]).toEqual(['skipped', 'failed']);
  });

  it('lets the run go on after a rejection that is tolerated', () => {
    const continueOn = { failure: true, skipped: false, exitCodes: [], output: [], markSuccess: false };
    const run = asked(approvalOf('approve', { continueOn }));
    run.answer('approve', 'reject');
    expect(run.settle().ready.map(({ step }) => step)).toEqual(['after']);
  });

  it.each(['approve', 'reject'] as const)(
    'takes the same word (%s) again as nothing, and refuses the other',
    (word) => {
      const run = asked();
      run.answer('approve', word);
      expect(run.answer('approve', word, { by: 'bob' })).toEqual([]);
      const other = word === 'approve' ? 'reject' : 'approve';
      expect(refusal(run.state, { type: 'answer', step: 'approve', decision: other, by: 'bob' })).toBe(
        'illegal_transition',
      );
    },
  );

  it('takes another input as another answer', () => {
    const input = [{ name: 'n', type: 'integer', required: false }] as const;
    const run = asked(approvalOf('approve', {}, { input }));
    run.answer('approve', 'approve', { inputs: { n: 1 } });
    expect(run.answer('approve', 'approve', { inputs: { n: '1' } })).toEqual([]);
    const other = { type: 'answer', step: 'approve', decision: 'approve', by: 'bob', inputs: { n: 2 } } as const;
    expect(refusal(run.state, other)).toBe('illegal_transition');
  });

  it('fails when its timeout passes, and takes no answer after it', () => {
    const run = asked(approvalOf('approve', { timeoutMs: 50 }));
    expect(run.settle(1_049)).toMatchObject({ dueAt: 1_050 });
    const late: RunCommand = { type: 'answer', step: 'approve', decision: 'approve', by: 'ada' };
    expect(refusal(run.state, late, 1_049)).toBe('accepted');
    expect(refusal(run.state, late, 1_050)).toBe('illegal_transition');
    run.settle(1_050);
    expect(findTarget(run.state, 'approve')?.target.error).toMatchObject({
      code: 'deadline_exceeded',
      message: 'the step waited for an approval longer than its timeout of 0.05 s',
    });
  });

  it('is not answered before it waits, after a cancel, or for a step that is none', () => {
    const run = begin(reviewDag());
    const answerTo = (step: string): RunCommand => ({ type: 'answer', step, decision: 'approve', by: 'ada' });
    expect(refusal(run.state, answerTo('approve'))).toBe('illegal_transition');
    expect(refusal(run.state, answerTo('draft'))).toBe('illegal_transition');
    expect(refusal(run.state, answerTo('nope'))).toBe('not_found');
    run.act({ type: 'cancel', by: 'x', reason: 'requested' });
    expect(refusal(run.state, answerTo('approve'))).toBe('illegal_transition');
  });

  it('is listed with what may be given and where it may go back to', () => {
    const run = begin(reviewDag());
    run.work('draft', 'check');
    run.askApproval();
    expect(approvalsOf(run.state)).toEqual([
      {
        runId: 'run_1',
        dag: 'sample',
        step: 'approve',
        prompt: 'publish?',
        input: [],
        since: '1970-01-01T00:00:01.000Z',
        rewind: ['draft', 'check'],
        round: 0,
      },
    ]);
  });

  it('per item lets the fan-out end with its last answer, and holds up no other step meanwhile', () => {
    const items = { items: [1, 2, 3], maxConcurrent: 1 };
    const run = begin(dagOf([approvalOf('approve', { foreach: items }), stepOf('other')]));
    run.settle();
    run.act({ type: 'expand', step: 'approve', count: 3, items: { inline: [1, 2, 3] } });
    for (;;) {
      const [next] = run.settle().waits;
      if (next === undefined) break;
      run.askApproval(next.step);
    }
    expect(run.state.status).toBe('running');
    run.work('other');
    expect([run.state.status, run.state.frontier.size]).toEqual(['waiting', 0]);
    expect(approvalsOf(run.state).map(({ step, rewind }) => [step, rewind])).toEqual([
      ['approve[0]', []],
      ['approve[1]', []],
      ['approve[2]', []],
    ]);
    const pushed = { type: 'push_back', step: 'approve[1]', by: 'ada', feedback: 'x', to: 'other' } as const;
    expect(refusal(run.state, pushed)).toBe('illegal_transition');
    for (const item of [1, 0, 2]) run.answer(`approve[${item}]`, 'approve');
    run.settle();
    expect(run.state.status).toBe('succeeded');
  });

  it('is settled with its fan-out by a cancel', () => {
    const run = begin(dagOf([approvalOf('approve', { foreach: { items: [1, 2], maxConcurrent: 9 } })]));
    run.settle();
    run.act({ type: 'expand', step: 'approve', count: 2, items: { inline: [1, 2] } });
    run.settle();
    run.askApproval('approve[1]');
    run.act({ type: 'cancel', by: 'x', reason: 'requested' });
    run.settle();
    expect([run.state.status, run.state.waits.size, run.state.frontier.size]).toEqual(['cancelled', 0, 0]);
  });
});
