import type { Dag, Step } from '@skein/domain';
import type { Random } from '@skein/ports';
import { callOf, dagOf, stepOf } from '../fixtures/dag-fixtures.ts';

const agentStep = (random: Random, id: string, agent: string, depends: readonly string[] = []): Step =>
  stepOf(id, {
    depends,
    action: {
      kind: 'agent',
      agent,
      ...(random.next() < 0.1 ? { version: 'v2' } : {}),
      prompt: 'Look.',
      limits: {},
      memory: { read: true, propose: true },
    },
    outputs: [{ name: 'value', type: 'string' }],
    ...(random.next() < 0.3
      ? { retryPolicy: { limit: 1, intervalMs: random.integer(500), backoff: 2, exitCodes: [] } }
      : {}),
    ...(random.next() < 0.2 ? { foreach: { items: ['a', 'b'], maxConcurrent: 2 } } : {}),
  });

/** Small DAGs of agents: one step, two in a row, a call of another DAG, and steps before and after that nobody routes. */
export const rolloutProject = (random: Random, agents: readonly string[]): readonly Dag[] => {
  const [first = '', second = first] = agents;
  const shell = stepOf('before', { action: { kind: 'shell', commands: ['true'] } });
  // What a caller gets.
  const outputs = { value: '${run.id}', list: '["a","b"]' };
  const one = dagOf([agentStep(random, 'look', first)], { name: 'one', outputs });
  const waits = random.next() < 0.5 ? [shell] : [];
  const two = dagOf(
    [
      ...waits,
      agentStep(
        random,
        'look',
        first,
        waits.map(({ id }) => id),
      ),
      agentStep(random, 'again', second, ['look']),
    ],
    { name: 'two' },
  );
  const calling = dagOf([agentStep(random, 'look', second), callOf('inner', 'one', {}, { depends: ['look'] })], {
    name: 'calling',
  });
  return [calling, two, one];
};
