import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Coordinator } from '@skein/coordinator';
import { createCoordinator } from '@skein/coordinator';
import type { RunView } from '@skein/domain';
import { createExpressions, createProjectReader } from '@skein/language';
import { openSqlStores } from '@skein/store-sql';
import { createHasher, createIdSource, createSecrets, createSystemClock } from '@skein/telemetry';
import { createMemoryLog } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';

const clock = createSystemClock();
const ids = createIdSource();
const hasher = createHasher();
const log = createMemoryLog();

const dag = `
name: release
params:
  - version: "1"
steps:
  - id: inbox
    wait: { message: true }
  - id: pause
    depends: inbox
    wait: { duration_sec: 0.4 }
  - id: approve
    depends: pause
    approval:
      prompt: "Release \${params.version}, round \${run.round}? \${steps.inbox.outputs.sender} said: \${steps.inbox.outputs.text} \${run.feedback}"
      input: [{ name: channel, type: string, enum: [web, mail] }]
      rewind: pause
  - id: last
    depends: approve
    wait: { until: 2001-01-01T00:00:00Z }
`;

/** A coordinator of its own on a data folder; nothing is in memory that was not there on disk. */
const open = async (dataDir: string) => {
  const stores = await openSqlStores({ dataDir, log, clock, ids, hasher });
  const coordinator = createCoordinator(
    {
      clock,
      ids,
      hasher,
      log,
      secrets: createSecrets(),
      meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
      ...stores,
      projectReader: createProjectReader({ hasher }),
      expressions: createExpressions(),
    },
    { coordinatorId: 'coordinator', sweepMs: 50 },
  );
  await coordinator.start();
  const close = async () => {
    await coordinator.stop();
    await stores.close();
  };
  return { coordinator, stores, close };
};

const until = async (coordinator: Coordinator, runId: string, holds: (run: RunView) => boolean): Promise<RunView> => {
  for (;;) {
    const run = await coordinator.getRun('default', runId);
    if (holds(run)) return run;
    await clock.sleep(5);
  }
};

const statusOf = (run: RunView, id: string) => run.steps.find((step) => step.id === id)?.status;

test('a message, a pause, a push-back and an approval outlive restarts on disk, and each happens once', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-waits-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  let one = await open(dataDir);
  onTestFinished(() => one.close());
  const again = async (): Promise<Coordinator> => {
    await one.close();
    one = await open(dataDir);
    return one.coordinator;
  };
  const bytes = new TextEncoder().encode(dag);
  await one.coordinator.applyProject('default', {
    files: [{ path: 'dags/release.yaml', mode: 0o644, bytes }],
    autoModel: { provider: 'offline', model: 'rules-1' },
    activate: true,
    dryRun: false,
  });
  const { run } = await one.coordinator.submitRun('default', { dag: 'release', params: { version: '2' } });
  const { runId } = run;
  await until(one.coordinator, runId, ({ status }) => status === 'waiting');

  let coordinator = await again();
  await coordinator.sendMessage('default', runId, 'inbox', { text: 'go', messageId: 'm1' }, 'bob');
  await until(coordinator, runId, (view) => statusOf(view, 'pause') === 'waiting');
  // The pause ends while nobody is there.
  const { steps } = await coordinator.getRun('default', runId);
  const endsAt = Date.parse(steps.find(({ id }) => id === 'pause')?.wait?.until ?? '');
  await one.close();
  await expect.poll(() => clock.now() > endsAt).toBe(true);
  one = await open(dataDir);
  coordinator = one.coordinator;
  await until(coordinator, runId, (view) => statusOf(view, 'approve') === 'waiting');
  expect(await coordinator.listApprovals('default')).toMatchObject([
    { runId, step: 'approve', prompt: 'Release 2, round 0? bob said: go ', rewind: ['inbox', 'pause'], round: 0 },
  ]);

  await coordinator.pushBack('default', runId, 'approve', { feedback: 'Wait longer.', by: 'ada' });
  coordinator = await again();
  await until(coordinator, runId, (view) => statusOf(view, 'approve') === 'waiting');
  expect(await coordinator.listApprovals('default', runId)).toMatchObject([
    { prompt: 'Release 2, round 1? bob said: go Wait longer.', round: 1 },
  ]);
  const answer = { decision: 'approve', inputs: { channel: 'mail' }, by: 'ada' } as const;
  await coordinator.answerApproval('default', runId, 'approve', answer);
  coordinator = await again();
  const done = await until(coordinator, runId, ({ status }) => status === 'succeeded');
  expect(done.steps.map(({ id, attempt, outputs }) => [id, attempt, outputs])).toEqual([
    ['inbox', 1, { text: 'go', sender: 'bob', messageId: 'm1' }],
    ['pause', 2, {}],
    ['approve', 2, { channel: 'mail', approvedBy: 'ada' }],
    ['last', 1, {}],
  ]);
  await coordinator.answerApproval('default', runId, 'approve', answer);
  await expect(
    coordinator.answerApproval('default', runId, 'approve', { decision: 'reject', by: 'ada' }),
  ).rejects.toMatchObject({ code: 'illegal_transition' });
  const facts = await one.stores.runs.readFacts('default', runId, 0);
  expect(facts.flatMap((fact) => (fact.type === 'step_answered' ? [`${fact.step} ${fact.decision}`] : []))).toEqual([
    'inbox message',
    'pause time',
    'pause time',
    'approve approved',
    'last time',
  ]);
});
