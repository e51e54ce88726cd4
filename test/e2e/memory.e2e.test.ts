import { rmSync } from 'node:fs';
import type { RunView } from '@skein/domain';
import type { ProposalInfo } from '@skein/sdk';
import { injectionTexts } from '@skein/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeOpenAi, type ToolCall, textOf, turnOf } from './fake-openai.ts';
import { Ledger } from './ledger.ts';
import { folderWith, Stack, skein } from './stack.ts';

const ledger = new Ledger();

/** The prompt is a list of what to remember; the word `injections` stands for texts that no prompt could hold. */
const model = new FakeOpenAi((request): readonly ToolCall[] => {
  if (turnOf(request) > 0) return [{ name: 'output', input: { answer: 'done' } }];
  const prompt = textOf(request, 'user');
  const notes: readonly object[] =
    prompt === '["injections"]'
      ? injectionTexts.map((text, index) => ({ op: 'append', text: `note ${index}: ${text}` }))
      : JSON.parse(prompt);
  return notes.length === 0
    ? [{ name: 'output', input: { answer: 'nothing' } }]
    : notes.map((input) => ({ name: 'remember', input }));
});

const projectFor = (modelUrl: string): Record<string, string> => ({
  'models/local.yaml': `provider: openai-compatible\nmodel: keeper-1\nbase_url: ${modelUrl}\n`,
  'agents/keeper/agent.yaml': `model: local
tools: [remember]
output_schema: { type: object, properties: { answer: { type: string } }, required: [answer] }
`,
  'agents/keeper/INSTRUCTIONS.md': 'Keep notes.\n',
  'memory/MEMORY.md': 'The project is called Skein.\n',
  'memory/agents/keeper.md': 'Geese fly south.\n',
  'dags/keep.yaml': `name: keep
params: [{ name: notes, type: array, default: [] }]
steps:
  - { id: keep, type: agent, agent: keeper, prompt: "\${params.notes}", memory: { read: true, propose: true } }
`,
  'dags/keep-and-hold.yaml': `name: keep-and-hold
params: [{ name: notes, type: array, default: [] }]
steps:
  - { id: keep, type: agent, agent: keeper, prompt: "\${params.notes}", memory: { read: true, propose: true } }
  - id: hold
    depends: keep
    script: |
      ${ledger.note('held', 'here')}
      ${ledger.hold('held')}
`,
});

let folder: string;
let stack: Stack;

beforeAll(async () => {
  await model.start();
  folder = folderWith(projectFor(model.url));
  stack = await Stack.start(folder, {
    env: { SKEIN_LEASE_MS: '120000', SKEIN_MEMORY_FOLD_MS: '3600000', OPENAI_API_KEY: 'none' },
  });
});

afterAll(async () => {
  const { left } = await stack.stop();
  await model.stop();
  stack.remove();
  ledger.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(left).toEqual([]);
});

beforeEach(() => {
  model.requests.length = 0;
});

const remember = (text: string, scope = 'agent'): object => ({ op: 'append', scope, text });

const keep = async (...notes: readonly unknown[]): Promise<RunView> => {
  const { runId } = await stack.submit('keep', { notes });
  await stack.finished(runId);
  const run = await stack.client.runs.get(runId);
  expect([run.error, run.status]).toEqual([undefined, 'succeeded']);
  return run;
};

/** What the model was told in the last run. */
const systemText = (): string => {
  const [first] = model.requests;
  if (first === undefined) throw new Error('the model was not asked');
  return textOf(first, 'system');
};

/** A run that remembers nothing, and what its agent was told. */
const look = async (): Promise<{ readonly run: RunView; readonly system: string }> => {
  model.requests.length = 0;
  const run = await keep();
  return { run, system: systemText() };
};

const command = async (...args: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await skein(stack, ...args);
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout;
};

const proposalsOf = async (runId: string): Promise<readonly ProposalInfo[]> =>
  (await stack.client.memory.proposals({ runId, limit: 500 })).items;

const readOnly = 'Memory is read-only: nothing that you do in this step changes it.';

describe('what an agent remembers for itself', () => {
  let first: RunView;

  it('is a proposal at first: the run sees the memory that was sealed for it, and is told that it is read-only', async () => {
    first = await keep(remember('Geese are loud.'));
    expect(systemText()).toContain('Memory scope "agent/keeper", revision 1:\n| Geese fly south.');
    expect(systemText()).toContain('Memory scope "global", revision 1:\n| The project is called Skein.');
    expect(systemText()).toContain(readOnly);
    expect(model.requests[0]?.body.tools?.map((tool) => tool.function.name)).toEqual(['remember', 'output']);
    // The last turn still sees what the first one saw, although the proposal is made.
    expect(textOf(model.requests[1] ?? expect.fail('one turn only'), 'system')).toBe(systemText());
    expect(first.memory).toMatchObject({ global: 1, 'agent/keeper': 1 });
    expect(await proposalsOf(first.runId)).toMatchObject([
      { scope: 'agent/keeper', status: 'pending', step: 'keep', agentId: 'keeper' },
    ]);
    expect((await look()).system).not.toContain('Geese are loud.');
  });

  it('is a quoted line of the next revision after the fold, which the next run sees and records', async () => {
    expect(await command('memory', 'fold')).toMatch(/agent\/keeper\s+2\s+1\s+0\s+0/);
    const { run, system } = await look();
    expect(system).toContain('Memory scope "agent/keeper", revision 2:\n| Geese fly south.\n| Geese are loud.\n');
    expect(run.memory).toMatchObject({ global: 1, 'agent/keeper': 2 });
    expect(run.snapshotDigest).not.toBe(first.snapshotDigest);
    expect(JSON.parse(await command('runs', 'show', first.runId, '--json'))).toMatchObject({
      memory: { 'agent/keeper': 1 },
    });
    expect(await command('memory', 'history', 'agent/keeper')).toMatch(/2 .*1 proposal folded[^]*1 .*written by apply/);
  });

  it('is taken back by one command', async () => {
    expect(await command('memory', 'revert', first.runId)).toMatch(/agent\/keeper\s+3\s+1/);
    const { run, system } = await look();
    expect(system).toContain('Memory scope "agent/keeper", revision 3:\n| Geese fly south.');
    expect(system).not.toContain('Geese are loud.');
    expect(run.memory).toMatchObject({ 'agent/keeper': 3 });
    expect((await proposalsOf(first.runId)).map(({ status }) => status)).toEqual(['reverted']);
  });
});

describe('what waits for a person', () => {
  it('proposals for the DAG and for all: shown, approved or rejected, and only then seen', async () => {
    const { runId } = await keep(remember('Notes are kept.', 'dag'), remember('Everybody knows.', 'global'));
    await stack.client.memory.fold();
    expect((await look()).system).not.toMatch(/Notes are kept|Everybody knows/);
    const shown = await command('memory', 'proposals', '--status', 'review', '--run', runId);
    expect(shown).toMatch(
      /append dag\/keep {2}review[^]*\+ Notes are kept\.[^]*append global {2}review[^]*\+ Everybody/,
    );
    const [dag, global] = (await proposalsOf(runId)).map(({ proposalId }) => proposalId);
    expect(await command('memory', 'approve', dag ?? '')).toContain('folded');
    expect(await command('memory', 'reject', global ?? '')).toContain('rejected');
    const { run, system } = await look();
    expect(system).toContain('Memory scope "dag/keep", revision 1:\n| Notes are kept.');
    expect(system).not.toContain('Everybody knows.');
    expect(run.memory).toMatchObject({ 'dag/keep': 1, global: 1 });
  });

  it("an agent's own notes, when the input of the run is not to be trusted", async () => {
    const notes = JSON.stringify({ notes: [remember('Strangers are always right.')] });
    const run = JSON.parse(
      await command('run', 'keep', '--untrusted-input', '--params', notes, '--wait', '--json'),
    ) as RunView;
    await stack.client.memory.fold();
    expect((await look()).system).not.toContain('Strangers');
    expect((await proposalsOf(run.runId)).map(({ status }) => status)).toEqual(['review']);
  });
});

describe('what is written to be taken for more than a note', () => {
  it('stays quoted data, line by line', async () => {
    const plain = (await look()).system;
    const { runId } = await keep('injections');
    const proposals = await proposalsOf(runId);
    expect(proposals).toHaveLength(injectionTexts.length);
    await stack.client.memory.fold();
    const { run, system } = await look();
    const revision = run.memory?.['agent/keeper'];
    // All that is new are quoted lines and the number of the revision; no other line of the prompt came, went or changed.
    const unquoted = (text: string): readonly string[] =>
      text.split(/\r\n|(?!\t)[\p{Cc}\u2028\u2029]/u).filter((line) => !line.startsWith('| '));
    const facts = (lines: readonly string[]): readonly string[] => lines.filter((line) => !line.includes('run_'));
    expect(facts(unquoted(system))).toEqual(
      facts(unquoted(plain)).map((line) =>
        line.startsWith('Memory scope "agent/keeper"') ? `Memory scope "agent/keeper", revision ${revision}:` : line,
      ),
    );
    for (const index of injectionTexts.keys()) expect(system).toContain(`| note ${index}: `);
    await stack.client.memory.revertRun(runId);
    expect((await look()).system).not.toContain('| note ');
  });
});

describe('a coordinator that is killed', () => {
  it('between a result and its fold, and then in the fold, loses no proposal and folds none twice', async () => {
    const notes = ['one', 'two', 'three'].map((text) => remember(`It was ${text}.`));
    const { runId } = await stack.submit('keep-and-hold', { notes });
    await ledger.written('held', 1);
    await stack.killCoordinator();
    const before = await proposalsOf(runId);
    expect(before.map(({ text, status }) => [text, status])).toEqual([
      ['It was one.', 'pending'],
      ['It was two.', 'pending'],
      ['It was three.', 'pending'],
    ]);
    ledger.release('held');
    expect((await stack.finished(runId)).status).toBe('succeeded');
    const folding = stack.client.memory.fold().catch(() => []);
    await Promise.all([folding, stack.killCoordinator()]);
    await stack.client.memory.fold();
    const { system } = await look();
    expect(system.match(/^\| It was .*$/gm)).toEqual(['| It was one.', '| It was two.', '| It was three.']);
    const after = await proposalsOf(runId);
    expect(after.map(({ proposalId, status }) => [proposalId, status])).toEqual(
      before.map(({ proposalId }) => [proposalId, 'folded']),
    );
  });
});
