import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { refusal, start } from '../../test/driven-run.ts';
import { approvalOf, inboxOf, reviewDag, timerOf, waitingRun } from '../../test/waiting-run.ts';
import type { Dag, RunCommand, Step } from '../index.ts';
import {
  approvalsOf,
  decodeRunState,
  encodeRunState,
  findTarget,
  planRun,
  planRunFully,
  validateDag,
  viewRun,
} from '../index.ts';

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

describe('a wait for a time', () => {
  const run = () => begin(dagOf([timerOf('w', 500), stepOf('after', { depends: ['w'] })]));

  it('is begun by the coordinator, takes no slot, and makes the run wait', () => {
    const { state, settle, act } = run();
    expect(settle().waits).toEqual([{ step: 'w', stepId: 'w', attempt: 1 }]);
    expect(settle().ready).toEqual([]);
    act({ type: 'wait', step: 'w', for: 'time', until: 1_500 });
    expect(state.status).toBe('waiting');
    expect(state.leases).toBe(0);
    expect(settle()).toMatchObject({ dueAt: 1_500, ready: [], waits: [] });
    expect(viewRun(state).steps[0]).toMatchObject({
      status: 'waiting',
      waitReason: 'waiting_for_time',
      wait: { for: 'time', until: '1970-01-01T00:00:01.500Z' },
    });
  });

  it('ends once, at its time and not before', () => {
    const { state, settle, act, status, log } = run();
    settle();
    act({ type: 'wait', step: 'w', for: 'time', until: 1_500 });
    settle(1_499);
    expect(status('w')).toBe('waiting');
    const { ready } = settle(1_500);
    expect([status('w'), state.status]).toEqual(['succeeded', 'running']);
    expect(ready.map(({ step }) => step)).toEqual(['after']);
    settle(9_000);
    expect(log.filter(({ type }) => type === 'step_answered')).toHaveLength(1);
    expect(log.at(-1)).toMatchObject({ decision: 'time', by: 'time', result: { outputs: {}, durationMs: 500 } });
  });

  it('fails with its timeout when that comes first, also when both are long past', () => {
    for (const [timeoutMs, expected] of [
      [100, 'failed'],
      [500, 'succeeded'],
      [900, 'succeeded'],
    ] as const) {
      const late = begin(dagOf([timerOf('w', 500, { timeoutMs })]));
      late.settle();
      late.act({ type: 'wait', step: 'w', for: 'time', until: 1_500 });
      late.settle(99_000);
      expect(late.status('w')).toBe(expected);
    }
  });

  it('is settled by a cancel and by the timeout of the run, at once', () => {
    const cancelled = run();
    cancelled.settle();
    cancelled.act({ type: 'wait', step: 'w', for: 'time', until: 9_000 });
    cancelled.act({ type: 'cancel', by: 'x', reason: 'requested' });
    expect(cancelled.status('w')).toBe('cancelled');
    cancelled.settle();
    expect([cancelled.state.status, cancelled.state.waits.size]).toEqual(['cancelled', 0]);

    const slow = begin(dagOf([timerOf('w', 500)], { timeoutMs: 100 }));
    slow.settle();
    slow.act({ type: 'wait', step: 'w', for: 'time', until: 9_000 });
    slow.settle(1_100);
    expect([slow.status('w'), slow.state.status, slow.state.error?.code]).toEqual([
      'cancelled',
      'failed',
      'deadline_exceeded',
    ]);
  });

  it('is no wait for a worker, and nothing else can be begun as one', () => {
    const { state, settle } = run();
    settle();
    expect(refusal(state, { type: 'lease', step: 'w', workerId: 'w', sessionId: 's' })).toBe('illegal_transition');
    const wrong: readonly RunCommand[] = [
      { type: 'wait', step: 'w', for: 'time' },
      { type: 'wait', step: 'w', for: 'message', until: 5 },
      { type: 'wait', step: 'w', for: 'approval' },
      { type: 'wait', step: 'after', for: 'time', until: 5 },
      { type: 'wait', step: 'nope', for: 'time', until: 5 },
    ];
    expect(wrong.map((command) => refusal(state, command))).toEqual(wrong.map(() => 'illegal_transition'));
  });

  it('cannot be failed or skipped from outside once it waits', () => {
    const { state, settle, act } = run();
    settle();
    act({ type: 'wait', step: 'w', for: 'time', until: 9_000 });
    const error = { code: 'internal', message: 'no' } as const;
    expect(refusal(state, { type: 'fail_step', step: 'w', error })).toBe('illegal_transition');
    expect(refusal(state, { type: 'skip_step', step: 'w' })).toBe('illegal_transition');
  });
});

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

  it('refuses inputs that are not of their type, and goes on waiting', () => {
    const run = asked(approvalOf('approve', {}, { input: [{ name: 'n', type: 'integer', required: true }] }));
    for (const inputs of [undefined, { n: 'x' }, { n: 1, m: 2 }]) {
      const command = { type: 'answer', step: 'approve', decision: 'approve', by: 'ada' } as const;
      expect(refusal(run.state, inputs === undefined ? command : { ...command, inputs })).toBe('invalid_argument');
    }
    expect(run.status('approve')).toBe('waiting');
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

describe('a DAG with waiting steps', () => {
  const problems = (step: Step, before: readonly Step[] = [stepOf('draft')]) =>
    validateDag(dagOf([...before, step])).map(({ path, message }) => `${path.slice(2).join('.')}: ${message}`);

  it('is valid in each of its forms', () => {
    const steps = [
      timerOf('t', 5_000),
      inboxOf('m'),
      stepOf('u', { action: { kind: 'wait', until: '2026-02-28T10:00:00+02:00' } }),
      stepOf('v', { depends: ['m'], action: { kind: 'wait', until: '${steps.m.outputs.text}' } }),
      approvalOf('a', { depends: ['m'] }, { rewind: 'm', input: [{ name: 'n', type: 'any', required: false }] }),
      stepOf('z', {
        depends: ['a'],
        action: {
          kind: 'shell',
          commands: ['echo ${steps.a.outputs.approvedBy} ${run.feedback} ${run.round} ${steps.a.outputs.n}'],
        },
      }),
    ];
    expect(validateDag(dagOf(steps))).toEqual([]);
  });

  it.each<readonly [string, Step]>([
    [
      'action: a wait is for a duration, until an instant, or for a message, and for one of them only',
      stepOf('w', { action: { kind: 'wait' } }),
    ],
    [
      'action: a wait is for a duration, until an instant, or for a message, and for one of them only',
      stepOf('w', { action: { kind: 'wait', durationMs: 1, message: true } }),
    ],
    ['action.durationMs: -1 ms is no time to wait', timerOf('w', -1)],
    ['action.until: "tomorrow" is no instant', stepOf('w', { action: { kind: 'wait', until: 'tomorrow' } })],
    [
      'action.until: "2026-02-30T10:00:00Z" is no instant',
      stepOf('w', { action: { kind: 'wait', until: '2026-02-30T10:00:00Z' } }),
    ],
    [
      'action.until: "2026-02-20T10:00:00" is no instant',
      stepOf('w', { action: { kind: 'wait', until: '2026-02-20T10:00:00' } }),
    ],
    ['action.until: ${env.X}: a wait has no environment', stepOf('w', { action: { kind: 'wait', until: '${env.X}' } })],
    [
      'preconditions.0: a precondition of a wait cannot be a command',
      timerOf('w', 1, { preconditions: [{ condition: 'true', negate: false }] }),
    ],
    [
      'action.prompt: an approval asks something',
      stepOf('w', { action: { kind: 'approval', prompt: ' ', input: [] } }),
    ],
    ['action.rewind: rewind: "draft" does not come before "w"', approvalOf('w', {}, { rewind: 'draft' })],
    ['action.rewind: rewind: "w" does not come before "w"', approvalOf('w', { depends: ['draft'] }, { rewind: 'w' })],
    [
      'action.rewind: an item of a fan-out cannot be pushed back',
      approvalOf('w', { depends: ['draft'], foreach: { items: [1], maxConcurrent: 1 } }, { rewind: 'draft' }),
    ],
    [
      'action.input.0: the input "approvedBy" is who approved',
      approvalOf('w', {}, { input: [{ name: 'approvedBy', type: 'any', required: false }] }),
    ],
    [
      'action.input.1: there are two inputs "n"',
      approvalOf(
        'w',
        {},
        {
          input: [
            { name: 'n', type: 'any', required: false },
            { name: 'n', type: 'any', required: false },
          ],
        },
      ),
    ],
    [
      'action.input.0: the default of the input "n" is none of its values',
      approvalOf('w', {}, { input: [{ name: 'n', type: 'integer', default: 'x', required: false }] }),
    ],
  ])('is refused: %s', (expected, step) => {
    expect(problems(step)).toEqual([expected]);
  });

  it('has no handler that waits', () => {
    const dag = dagOf([stepOf('a')], { handlers: { exit: approvalOf('@exit') } });
    expect(validateDag(dag).map(({ message }) => message)).toEqual(['the handler "exit" cannot be of kind approval']);
  });
});
