import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, defaultSnapshotLimits, type RunView, type WorkerView } from '@skein/domain';
import { readProjectFolder } from '@skein/sdk';
import {
  decodeEnvelope,
  encodeEnvelope,
  encodePartMember,
  maxAttachedPartBytes,
  verifySnapshot,
} from '@skein/snapshot';
import { createNodeHasher } from '@skein/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeOpenAi, textOf } from './fake-openai.ts';
import { Ledger } from './ledger.ts';
import { eventually, folderWith, Stack, skein } from './stack.ts';

const ledger = new Ledger();

/** The agent answers with the first line of its instructions. */
const model = new FakeOpenAi((request) => ({
  name: 'output',
  input: { answer: /^You are .*$/m.exec(textOf(request, 'system'))?.[0] },
}));

const agent = (rest = ''): string => `model: local
${rest}output_schema: { type: object, properties: { answer: { type: string } }, required: [answer] }
`;

const projectFor = (modelUrl: string): Record<string, string> => ({
  'models/local.yaml': `provider: openai-compatible\nmodel: writer-1\nbase_url: ${modelUrl}\n`,
  'agents/writer/agent.yaml': agent(),
  'agents/writer/INSTRUCTIONS.md': 'You are the first writer.\nWrite.\n',
  'agents/scholar/agent.yaml': agent('skills: [archive]\n'),
  'agents/scholar/INSTRUCTIONS.md': 'You are the scholar.\n',
  'memory/agents/scholar.md': 'Geese fly south.\n',
  'skills/archive/SKILL.md': '---\nname: archive\ndescription: A large archive.\n---\nSee data.txt.\n',
  // 2 MiB that hardly compress.
  'skills/archive/data.txt': randomBytes((2 * 1024 * 1024 * 3) / 4).toString('base64'),
  'dags/write.yaml': `name: write
steps:
  - { id: first, type: agent, agent: writer, prompt: Write. }
  - { id: second, depends: first, call: write-more }
---
name: write-more
outputs: { answer: "\${steps.more.outputs.answer}" }
steps:
  - { id: more, type: agent, agent: writer, prompt: Write more. }
`,
  'dags/study.yaml': `name: study
steps:
  - { id: study, type: agent, agent: scholar, prompt: Study., memory: { read: true } }
`,
  'dags/fails.yaml': `name: fails
steps:
  - { id: write, type: agent, agent: writer, prompt: Write. }
  - { id: gate, depends: write, command: 'test -e "${ledger.path('gate')}.go"' }
  - { id: again, depends: gate, type: agent, agent: writer, prompt: Write again. }
`,
});

let folder: string;
let stack: Stack;

beforeAll(async () => {
  await model.start();
  folder = folderWith(projectFor(model.url));
  stack = await Stack.start(folder, { workers: 1, env: { OPENAI_API_KEY: 'none' } });
});

afterAll(async () => {
  const { left } = await stack.stop();
  await model.stop();
  stack.remove();
  ledger.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(left).toEqual([]);
});

const ended = async (runId: string): Promise<RunView> => {
  await stack.finished(runId);
  return stack.client.runs.get(runId);
};

const run = async (dag: string): Promise<RunView> => {
  const view = await ended((await stack.submit(dag)).runId);
  expect([view.error, view.status]).toEqual([undefined, 'succeeded']);
  return view;
};

const command = async (...args: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await skein(stack, ...args);
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout;
};

const instruct = (line: string): void =>
  writeFileSync(join(folder, 'agents/writer/INSTRUCTIONS.md'), `You are the ${line}.\nWrite.\n`);

const activate = async () =>
  stack.client.apply({ files: await readProjectFolder(folder), activate: true, candidate: false, dryRun: false });

const answerOf = (view: RunView, step: string): unknown => view.steps.find(({ id }) => id === step)?.outputs['answer'];

describe('a changed agent', () => {
  let before: RunView;
  let after: RunView;

  it('is shown as a plan, and nothing changes, with --dry-run', async () => {
    before = await run('write');
    expect(answerOf(before, 'second')).toBe('You are the first writer.');
    instruct('second writer');
    const plan = await command('apply', folder, '--dry-run', '--activate');
    expect(plan).toMatch(/^~ agent writer v1 -> v2 /m);
    expect(plan).toContain('active: v1 -> v2');
    expect(plan).toMatch(/-You are the first writer\.\n\s*\+You are the second writer\./);
    expect(plan).toContain('unchanged: 3 DAGs, 1 agent');
    expect(plan).toContain('dry run: nothing was changed');
    expect(await stack.client.agents.versions('writer')).toHaveLength(1);
    expect((await run('write')).snapshotDigest).toBe(before.snapshotDigest);
  });

  it('is a candidate that no run uses with --candidate, and used by the next run with --activate', async () => {
    const candidate = await command('apply', folder, '--candidate');
    expect(candidate).toContain('candidate: none -> v2');
    expect(candidate).toContain('writer v2 is not active; runs use v1');
    expect((await run('write')).snapshotDigest).toBe(before.snapshotDigest);
    expect(await command('apply', folder, '--activate')).toContain('active: v1 -> v2');
    after = await run('write');
    expect(after.snapshotDigest).not.toBe(before.snapshotDigest);
    expect([answerOf(after, 'first'), answerOf(after, 'second')]).toEqual([
      'You are the second writer.',
      'You are the second writer.',
    ]);
    const both = await skein(stack, 'apply', folder, '--activate', '--candidate');
    expect(both.exitCode).toBe(2);
  });

  it('is compared with what it was: versions, and the snapshots of runs', async () => {
    const diff = await command('diff', 'writer@v1', 'v2');
    expect(diff).toMatch(/-You are the first writer\.\n\s*\+You are the second writer\./);
    const [a = '', b = ''] = [before.snapshotDigest, after.snapshotDigest];
    const shown = await command('snapshot', 'diff', a.slice(7, 19), b);
    expect(shown.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(/^~ agent writer {2}sha256:\w+ \d+ B -> sha256:\w+ \d+ B$/),
      '  2 parts in both',
    ]);
  });

  it('is inside a snapshot that says who asked for it: by the beginning of its digest, and from a file alone', async () => {
    const digest = after.snapshotDigest ?? '';
    const stored = await command('snapshot', 'inspect', digest.slice(7, 17));
    expect(stored).toContain(digest);
    for (const kind of ['agent', 'model', 'tools'])
      expect(stored).toMatch(new RegExp(`^${kind} .*write/first, write-more/more$`, 'm'));
    const file = ledger.path('run.snap');
    await command('snapshot', 'download', digest, file);
    const offline = await skein(undefined, 'snapshot', 'inspect', file);
    expect([offline.exitCode, offline.stdout]).toEqual([0, stored]);
    writeFileSync(file, 'no snapshot at all');
    const damaged = await skein(undefined, 'snapshot', 'inspect', file);
    expect([damaged.exitCode, damaged.stderr]).toEqual([1, expect.stringContaining('snapshot_invalid')]);
  });
});

describe('a snapshot with a skill of 2 MiB', () => {
  const theWorker = async (): Promise<WorkerView> => {
    const [worker, ...others] = (await stack.client.workers.list()).filter(({ state }) => state === 'connected');
    return worker !== undefined && others.length === 0 ? worker : expect.fail('not one worker');
  };

  /** A run, and how many bytes of snapshots the worker was sent for it. */
  const costOf = async (dag: string): Promise<{ readonly view: RunView; readonly bytes: number }> => {
    const before = await theWorker();
    const view = await run(dag);
    const after = await theWorker();
    // A worker that had to join again says what it holds, and may be sent some of it once more.
    expect([after.workerId, after.connectedAt]).toEqual([before.workerId, before.connectedAt]);
    return { view, bytes: after.snapshotBytesReceived - before.snapshotBytesReceived };
  };

  /** The snapshot of a run, opened as a worker would. */
  const opened = async (digest = '' as Digest) => {
    const envelope = await stack.client.snapshots.download(digest);
    const { manifest } = decodeEnvelope(envelope, defaultSnapshotLimits);
    const { parts } = verifySnapshot({ hasher: createNodeHasher(), limits: defaultSnapshotLimits }, digest, {
      envelope,
    });
    const bytesOf = (part: Digest) => parts.get(part) ?? expect.fail(`no part ${part}`);
    /** With so many of its parts. */
    const envelopeOf = (include: readonly Digest[]) => encodeEnvelope(manifest, parts, defaultSnapshotLimits, include);
    return { manifest, bytesOf, envelopeOf };
  };

  let first: RunView;

  it('is sent once: the large part on its own, the others in an envelope; a second run costs nothing', async () => {
    await run('study');
    const { workerId, pid } = await theWorker();
    process.kill(pid, 'SIGKILL');
    await eventually('a new worker that holds nothing', async () => {
      const workers = await stack.client.workers.list();
      return workers.some((worker) => worker.state === 'connected' && worker.workerId !== workerId);
    });
    const { view, bytes } = await costOf('study');
    first = view;
    const { manifest, bytesOf, envelopeOf } = await opened(view.snapshotDigest);
    const large = manifest.parts.filter(({ size }) => size > maxAttachedPartBytes);
    const small = manifest.parts.filter((part) => !large.includes(part));
    expect(large.map(({ kind, size }) => [kind, size > 2 * 1024 * 1024])).toEqual([['skill', true]]);
    const members = large.map(({ digest }) => encodePartMember(bytesOf(digest)).byteLength);
    expect(bytes).toBe(envelopeOf(small.map(({ digest }) => digest)).byteLength + (members[0] ?? 0));
    const again = await costOf('study');
    expect([again.bytes, again.view.snapshotDigest]).toEqual([0, first.snapshotDigest]);
  });

  it('sends the changed part and the manifest alone after one line of memory was added', async () => {
    const file = ledger.path('memory.md');
    writeFileSync(file, 'Geese fly south.\nGeese are loud.\n');
    await command('memory', 'set', 'agent/scholar', file, '--expect', '1');
    const { view, bytes } = await costOf('study');
    expect(view.memory).toMatchObject({ 'agent/scholar': 2 });
    const { manifest, envelopeOf } = await opened(view.snapshotDigest);
    const memory = manifest.parts.filter(({ kind }) => kind === 'memory').map(({ digest }) => digest);
    expect([memory.length, bytes]).toEqual([1, envelopeOf(memory).byteLength]);
    expect(bytes).toBeLessThan(2_000);
    const changes = await stack.client.snapshots.diff(first.snapshotDigest ?? '', view.snapshotDigest ?? '');
    expect(changes).toMatchObject({ added: [], removed: [], changed: [{ kind: 'memory', name: 'agent/scholar' }] });
  });
});

describe('a retry', () => {
  it('goes on with the snapshot of the run that failed, and seals again only with --latest', async () => {
    instruct('third writer');
    await activate();
    const { runId } = await stack.submit('fails');
    const failed = await ended(runId);
    expect(failed.status).toBe('failed');
    instruct('fourth writer');
    await activate();
    ledger.release('gate');
    const retried = await ended((await stack.client.runs.retry(runId)).runId);
    expect([retried.status, retried.retryOf, retried.snapshotDigest]).toEqual([
      'succeeded',
      runId,
      failed.snapshotDigest,
    ]);
    expect(answerOf(retried, 'again')).toBe('You are the third writer.');
    const latest = await ended((await command('retry', runId, '--latest')).trim());
    expect([latest.status, answerOf(latest, 'write'), answerOf(latest, 'again')]).toEqual([
      'succeeded',
      'You are the third writer.',
      'You are the fourth writer.',
    ]);
    expect(latest.snapshotDigest).not.toBe(failed.snapshotDigest);
  });
});
