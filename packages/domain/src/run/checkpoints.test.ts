import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, it } from 'vitest';
import { agentStep, effectCall, resultOf, startAgent, turnOf } from '../../test/agent-run.ts';
import { failed, refusal } from '../../test/driven-run.ts';
import { taskDeliveryState } from '../index.ts';

const retryPolicy = { limit: 3, intervalMs: 100, backoff: 1, exitCodes: [] };

describe('a checkpoint', () => {
  it('records every entry as a fact of its kind and counts what the agent has done', () => {
    const run = startAgent();
    run.lease('a');
    run.send('a', 'm1', { wantsReply: true });
    const reply = { type: 'reply', number: 1, text: 'yes' } as const;
    const facts = run.record('a', [turnOf(1, [effectCall(0)], { consumed: [1] }), resultOf(1, 0), reply]);
    expect(facts.map(({ type }) => type)).toEqual(['turn_planned', 'tool_done', 'message_replied']);
    expect(run.target('a').progress).toEqual({
      seqs: [5, 6, 7],
      turns: 1,
      toolCalls: 1,
      inputTokens: 10,
      outputTokens: 2,
      costUsd: 0.25,
      open: [],
    });
    for (const seq of [5, 6, 7]) expect(run.log[seq - 1]).toEqual(facts[seq - 5]);
  });

  it('changes nothing when it is sent again, and appends only the new tail when it overlaps', () => {
    const run = startAgent();
    run.lease('a');
    const entries = [turnOf(1, [effectCall(0)]), resultOf(1, 0)];
    run.record('a', entries);
    expect(run.record('a', entries, 1_000, 0)).toEqual([]);
    expect(run.record('a', [resultOf(1, 0)], 1_000, 1)).toEqual([]);
    const tail = run.record('a', [...entries, turnOf(2)], 1_000, 0);
    expect(tail.map((fact) => ('entry' in fact ? fact.entry : undefined))).toEqual([turnOf(2)]);
    expect(run.target('a').progress).toMatchObject({ turns: 2, toolCalls: 1 });
  });

  it('is refused when entries before it are missing, from another worker, under an old token, and for a step that is no agent', () => {
    const run = startAgent(dagOf([agentStep('a'), stepOf('b')]));
    const old = run.lease('a');
    const code = (fields: object) =>
      refusal(run.state, { ...run.checkpointCommand('a', [turnOf(1)]), ...fields } as never);
    expect(code({ index: 1 })).toBe('illegal_transition');
    expect(code({ index: -1 })).toBe('illegal_transition');
    expect(code({ workerId: 'wrk_2' })).toBe('stale_fencing_token');
    expect(code({ step: 'x' })).toBe('stale_fencing_token');
    run.lose('a');
    expect(code({ token: old })).toBe('stale_fencing_token');
    run.lease('a');
    expect(code({ token: old })).toBe('stale_fencing_token');
    expect(code({})).toBe('accepted');
    run.lease('b');
    expect(refusal(run.state, run.checkpointCommand('b', [turnOf(1)]))).toBe('illegal_transition');
  });

  it('is refused over 64 KiB for a fact and 512 KiB in all, and when it names a message that was never sent', () => {
    const run = startAgent();
    run.lease('a');
    const big = (bytes: number) => resultOf(1, 0, { result: { inline: 'x'.repeat(bytes) } });
    const code = (entries: Parameters<typeof run.record>[1]) => refusal(run.state, run.checkpointCommand('a', entries));
    expect(code([big(65_000)])).toBe('accepted');
    expect(code([big(66_000)])).toBe('too_large');
    expect(code(Array.from({ length: 9 }, () => big(60_000)))).toBe('too_large');
    expect(code([turnOf(1, [], { consumed: [1] })])).toBe('invalid_argument');
    run.send('a', 'm1');
    expect(code([{ type: 'reply', number: 1, text: 'x'.repeat(16 * 1024 + 1) }])).toBe('too_large');
    expect(run.target('a').progress).toBeUndefined();
  });

  it('says that step code began, for a coordinator that never heard of it', () => {
    const run = startAgent();
    run.lease('a');
    expect(taskDeliveryState(run.target('a'))).toBe('leased');
    run.record('a', [turnOf(1)]);
    expect(taskDeliveryState(run.target('a'))).toBe('running');
    expect(run.lose('a', { started: false })).toMatchObject([{ type: 'step_lost', started: true }]);
  });
});

describe('progress', () => {
  it('is kept when a worker is lost, and the next attempt goes on from it', () => {
    const run = startAgent();
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0)])]);
    run.lose('a');
    expect(run.target('a').progress).toMatchObject({ turns: 1, open: [' 1 0'], lostAt: 1 });
    run.lease('a');
    run.record('a', [resultOf(1, 0), turnOf(2)], 1_000, 1);
    expect(run.target('a').progress).toMatchObject({ turns: 2, toolCalls: 1, open: [] });
    expect(run.target('a').attempt).toBe(2);
  });

  it('is dropped by a failure that is tried again, and closed when the step settles', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.lease('a');
    run.record('a', [turnOf(1)]);
    run.finish('a', failed);
    expect(run.target('a').progress).toBeUndefined();
    run.lease('a', 2_000);
    run.record('a', [turnOf(1), turnOf(2)], 2_000);
    run.finish('a', { status: 'succeeded' }, 2_000);
    expect(run.target('a').progress).toMatchObject({ seqs: [], turns: 2 });
  });

  it('is kept over a failure because something was away, and the next attempt goes on from it', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0)]), resultOf(1, 0)]);
    const error = { code: 'unavailable', message: 'the provider is away' } as const;
    run.finish('a', { status: 'failed', error });
    expect(run.target('a')).toMatchObject({ status: 'retrying', progress: { turns: 1, toolCalls: 1 } });
  });

  it('ends the step, whatever its retry policy, when nobody knows whether a call with an effect happened', () => {
    const run = startAgent(dagOf([agentStep('a', { retryPolicy })]));
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0)])]);
    run.finish('a', { status: 'failed', error: { code: 'outcome_unknown', message: 'bash' } });
    expect(run.target('a').status).toBe('failed');
  });

  it('begins anew after a restart, whose repetition changes nothing and whose entries count from 0', () => {
    const run = startAgent();
    run.lease('a');
    run.record('a', [turnOf(1, [effectCall(0)]), resultOf(1, 0)]);
    run.lose('a');
    run.lease('a');
    const restart = { type: 'restart', reason: 'no tree' } as const;
    expect(run.record('a', [restart], 1_000, 2)).toMatchObject([{ type: 'agent_restarted', entry: restart }]);
    expect(run.target('a').progress).toMatchObject({ seqs: [], turns: 0, toolCalls: 0, open: [] });
    expect(run.record('a', [restart], 1_000, 2)).toEqual([]);
    run.record('a', [turnOf(1)], 1_000, 0);
    expect(run.record('a', [restart, turnOf(1), turnOf(2)], 1_000, 2)).toHaveLength(1);
    expect(run.target('a').progress).toMatchObject({ turns: 2, seqs: [run.state.seq - 1, run.state.seq] });
  });
});
