import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { approvalOf, inboxOf, timerOf } from '../../test/waiting-run.ts';
import type { Step } from '../index.ts';
import { validateDag } from '../index.ts';

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
