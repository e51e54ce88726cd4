import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { refusal, start } from '../../test/driven-run.ts';
import { approvalOf, reviewDag, waitingRun } from '../../test/waiting-run.ts';
import type { Dag, RunCommand } from '../index.ts';
import { approvalsOf, decodeRunState, encodeRunState, findTarget, planRun, planRunFully, viewRun } from '../index.ts';

const begin = (dag: Dag) => {
  const run = start(dag);
  return { ...run, ...waitingRun(run) };
};

describe('a push-back', () => {
  const reviewed = (dag: Dag = reviewDag()) => {
    const run = begin(dag);
    run.work('draft', 'check', 'log');
    run.askApproval();
    return run;
  };

  it('runs the steps from the named one down to the approval again, and the settled ones that followed it', () => {
    const run = reviewed();
    const [fact] = run.pushBack('shorter');
    expect(fact).toMatchObject({ to: 'draft', round: 1, steps: ['draft', 'check', 'log', 'approve'] });
    expect(['draft', 'check', 'log', 'approve', 'publish'].map(run.status)).toEqual([
      'ready',
      'pending',
      'pending',
      'pending',
      'pending',
    ]);
    expect([run.state.openSteps, run.state.status]).toEqual([5, 'running']);
    expect(run.settle().ready).toEqual([{ step: 'draft', stepId: 'draft', attempt: 2 }]);
    expect(viewRun(run.state).steps[1]).toMatchObject({ status: 'pending', attempt: 1, outputs: {} });
    run.work('draft', 'check');
    expect(run.settle().waits).toEqual([{ step: 'approve', stepId: 'approve', attempt: 2 }]);
    run.askApproval();
    expect(approvalsOf(run.state)[0]?.round).toBe(1);
    run.answer('approve', 'approve');
    run.work('log', 'publish');
    expect(run.state.status).toBe('succeeded');
    expect(run.log.filter((each) => each.type === 'step_finished' && each.step === 'draft')).toHaveLength(2);
  });

  it('takes the rewind of the approval or any step before it, and nothing else', () => {
    const run = reviewed();
    const to = (id?: string): RunCommand => ({
      type: 'push_back',
      step: 'approve',
      by: 'ada',
      feedback: 'x',
      ...(id === undefined ? {} : { to: id }),
    });
    expect(['log', 'publish', 'approve', 'nope'].map((id) => refusal(run.state, to(id)))).toEqual([
      'invalid_argument',
      'invalid_argument',
      'invalid_argument',
      'invalid_argument',
    ]);
    expect([to(), to('draft'), to('check')].map((command) => refusal(run.state, command))).toEqual([
      'accepted',
      'accepted',
      'accepted',
    ]);
    run.pushBack('x', 'check');
    expect(['draft', 'check', 'log', 'approve'].map(run.status)).toEqual([
      'succeeded',
      'ready',
      'succeeded',
      'pending',
    ]);
  });

  it('needs a step to go to when the approval has no rewind', () => {
    const run = begin(dagOf([stepOf('draft'), approvalOf('approve', { depends: ['draft'] })]));
    run.work('draft');
    run.askApproval();
    const command: RunCommand = { type: 'push_back', step: 'approve', by: 'ada', feedback: 'x' };
    expect(refusal(run.state, command)).toBe('invalid_argument');
    expect(refusal(run.state, { ...command, to: 'draft' })).toBe('accepted');
  });

  it('waits for a step beside it that is running, but not for one that has not begun', () => {
    const run = begin(reviewDag());
    run.work('draft', 'check');
    run.askApproval();
    const command: RunCommand = { type: 'push_back', step: 'approve', by: 'ada', feedback: 'x' };
    run.lease('log');
    expect(refusal(run.state, command)).toBe('illegal_transition');
    run.act({ type: 'lose', step: 'log', token: run.state.seq, reason: 'drained', started: false });
    const [fact] = run.pushBack();
    expect(fact).toMatchObject({ steps: expect.arrayContaining(['log']) });
    expect(run.status('log')).toBe('pending');

    const early = begin(reviewDag());
    early.work('draft', 'check');
    early.askApproval();
    expect(early.pushBack()[0]).toMatchObject({ steps: ['draft', 'check', 'approve'] });
    expect(early.status('log')).toBe('pending');
    expect(early.settle().ready.map(({ step }) => step)).toEqual(['draft']);
  });

  it('takes another approval that waits on the same step with it', () => {
    const dag = dagOf([
      stepOf('draft'),
      approvalOf('approve', { depends: ['draft'] }, { rewind: 'draft' }),
      approvalOf('legal', { depends: ['draft'] }),
    ]);
    const run = begin(dag);
    run.work('draft');
    run.askApproval();
    run.askApproval('legal');
    run.pushBack();
    expect([run.status('legal'), run.state.waits.size, run.state.status]).toEqual(['pending', 0, 'running']);
  });

  it('gives fan-outs of the next round other attempts, and forgets the items of the last', () => {
    const dag = dagOf([
      stepOf('each', { foreach: { items: [1], maxConcurrent: 1 } }),
      approvalOf('approve', { depends: ['each'] }, { rewind: 'each' }),
    ]);
    const run = begin(dag);
    const expand = () => run.act({ type: 'expand', step: 'each', count: 1, items: { inline: [1] } });
    run.settle();
    expand();
    run.work('each[0]');
    run.askApproval();
    run.pushBack();
    expect(run.settle().expand).toEqual(['each']);
    expand();
    expect(run.settle().ready).toEqual([{ step: 'each[0]', stepId: 'each', attempt: 2 }]);
    expect(findTarget(run.state, 'each[0]')?.target.round).toBe(1);
  });

  it('again, while its round is under way, changes nothing; another one is refused', () => {
    const run = reviewed();
    run.pushBack('shorter');
    expect(run.pushBack('shorter')).toEqual([]);
    const other: RunCommand = { type: 'push_back', step: 'approve', by: 'ada', feedback: 'longer' };
    expect(refusal(run.state, other)).toBe('illegal_transition');
  });

  it('answers only the round that the person saw, when that is said', () => {
    const run = reviewed();
    run.pushBack();
    run.work('draft', 'check');
    run.askApproval();
    for (const round of [0, 2]) {
      expect(refusal(run.state, { type: 'answer', step: 'approve', decision: 'approve', by: 'ada', round })).toBe(
        'illegal_transition',
      );
      expect(refusal(run.state, { type: 'push_back', step: 'approve', by: 'ada', feedback: 'x', round })).toBe(
        'illegal_transition',
      );
    }
    expect(refusal(run.state, { type: 'answer', step: 'approve', decision: 'approve', by: 'ada', round: 1 })).toBe(
      'accepted',
    );
  });

  it('leaves a late result of the round before a repetition, and any other one stale', () => {
    const run = begin(reviewDag());
    run.settle();
    const token = run.lease('draft');
    const result = run.resultCommand('draft', token, { status: 'succeeded' });
    run.act(result);
    run.work('check', 'log');
    run.askApproval();
    run.pushBack();
    expect(run.act(result)).toEqual([]);
    expect(refusal(run.state, run.resultCommand('draft', token + 1, { status: 'succeeded' }))).toBe(
      'stale_fencing_token',
    );
  });

  it('has its bound', () => {
    const run = reviewed(
      dagOf([
        stepOf('draft'),
        stepOf('check', { depends: ['draft'] }),
        stepOf('log'),
        approvalOf('approve', { depends: ['check'] }, { rewind: 'check' }),
      ]),
    );
    for (let round = 1; round <= 100; round += 1) {
      run.pushBack(`again ${round}`);
      run.work('check');
      run.askApproval();
    }
    expect(refusal(run.state, { type: 'push_back', step: 'approve', by: 'ada', feedback: 'x' })).toBe(
      'illegal_transition',
    );
  });

  it('keeps the state whole: checkpoints read back, and both planners agree', () => {
    const run = reviewed();
    run.pushBack();
    expect(decodeRunState(encodeRunState(run.state), run.state.dag, run.state.graph)).toEqual(run.state);
    expect(planRun(run.state, 1_000)).toEqual(planRunFully(run.state, 1_000));
    expect(run.state.feedback).toEqual({ round: 1, to: 'draft', by: 'ada', text: 'shorter' });
  });
});
