import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultTenant } from '@skein/domain';
import type { TurnRequest } from '@skein/ports';
import { createScriptedModel } from '@skein/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RealFleet } from './real-fleet.ts';

let fleet: RealFleet;
let ledger: string;

/** Does what its instructions say with the shell, then says what it got; `BROKEN` fails, `OTHER` runs another command. */
const model = createScriptedModel([
  (request: TurnRequest) => {
    const last = request.messages.at(-1);
    if (request.system.includes('BROKEN')) throw new Error('the model is broken');
    if (last?.role === 'tool') {
      const [result] = last.results;
      const proposes = { callId: 'c2', tool: 'remember', input: { op: 'append', text: 'x' } };
      if (result?.tool === 'bash' && request.system.includes('REMEMBER')) return { toolCalls: [proposes] };
      const output = last.results.map((one) => JSON.stringify(one.output)).join();
      return { text: request.system.includes('QUIET') ? '' : `said ${output}` };
    }
    const text = last?.role === 'user' ? last.text : '';
    const prefix = request.system.includes('OTHER') ? 'true; ' : '';
    const command = `${prefix}echo ${text.slice('Do: '.length)} >> ${ledger}; wc -l < ${ledger}`;
    return { toolCalls: [{ callId: 'c1', tool: 'bash', input: { command } }] };
  },
]);

beforeEach(async () => {
  fleet = await new RealFleet().open(model);
  ledger = join(fleet.folder, 'ledger');
});
afterEach(() => fleet.close());

const effects = async (): Promise<number> => (await readFile(ledger, 'utf8')).split('\n').length - 1;

test('a candidate is replayed by a real worker without an effect, and hears what the recorded run heard', async () => {
  const candidate = await fleet.publish({ instructions: 'Better. REMEMBER' });
  await fleet.publish({ instructions: 'Plain.' });
  for (const q of ['one', 'two', 'three']) await fleet.run(q);
  expect(await effects()).toBe(3);
  const view = await fleet.replay(candidate, { expression: 'outputs.text.startsWith("said")' });
  expect(view).toMatchObject({ status: 'passed', mode: 'strict' });
  expect(view.pairs.map(({ state, divergedCalls }) => [state, divergedCalls])).toEqual(Array(3).fill(['done', 0]));
  expect(view.comparison).toMatchObject([
    { metric: 'error', pairs: 3, meanDifference: 0 },
    { metric: 'score:said', pairs: 3, meanDifference: 0 },
    {},
    {},
  ]);
  expect(await effects()).toBe(3);
  const replayed = await fleet.coordinator.getRun(defaultTenant, view.pairs[0]?.replayRunId ?? '');
  expect(replayed.steps[0]?.outputs?.['text']).toContain('said');
  expect((await fleet.coordinator.listProposals(defaultTenant, { limit: 10 })).items).toEqual([]);
});

test('calls that are not in the record are counted, and nothing is carried out, strictly or live', async () => {
  const candidate = await fleet.publish({ instructions: 'OTHER.' });
  await fleet.publish({ instructions: 'Plain.' });
  await fleet.run('one');
  for (const mode of ['strict', 'live'] as const) {
    const view = await fleet.replay(candidate, { mode });
    expect(view.pairs).toMatchObject([{ state: 'done', divergedCalls: 1 }]);
    expect(view.explanation.because).toContain('1 made calls that are not in the record');
  }
  expect(await effects()).toBe(1);
});

test('a candidate that breaks or says worse does not pass', async () => {
  const broken = await fleet.publish({ instructions: 'BROKEN' });
  const quiet = await fleet.publish({ instructions: 'QUIET' });
  await fleet.publish({ instructions: 'Plain.' });
  await fleet.run('one');
  expect(await fleet.replay(broken)).toMatchObject({
    status: 'inconclusive',
    pairs: [{ values: { error: { recorded: 1, replayed: 0 } } }],
  });
  const view = await fleet.replay(quiet, { expression: 'outputs.text.startsWith("said")' });
  expect(view).toMatchObject({
    status: 'inconclusive',
    pairs: [{ values: { 'score:said': { recorded: 1, replayed: 0 } } }],
  });
});
