const task = { runId: 'run_1', step: 'a', attempt: 1, token: 1 };
const restart = (reason: string): string => JSON.stringify({ type: 'restart', reason });
const checkpoint = (entriesJson: readonly string[]): object => ({ checkpoint: { task, index: 0, entriesJson } });

/** Messages about durable points and messages of agents that no worker sends, in the form of the wire. */
export const hostileCheckpoints: readonly (readonly [string, object])[] = [
  ['a checkpoint without entries', checkpoint([])],
  ['a checkpoint of nested lists', checkpoint([`${'['.repeat(3_000)}${']'.repeat(3_000)}`])],
  ['a checkpoint of a thousand entries and one more', checkpoint(Array(1_001).fill(restart('x')))],
  ['a checkpoint of nearly a frame', checkpoint(Array(16).fill(restart('x'.repeat(60_000))))],
  ['messages received with negative numbers', { messagesReceived: { task, numbers: [-1] } }],
  ['messages presented in no turn', { messagesPresented: { task, numbers: [1] } }],
];
