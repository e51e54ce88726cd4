import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { folderWith, type Stack as RunningStack, Stack, skeinBin } from '../e2e/stack.ts';
import { actsOf, isRun, notPrinted, runBlock } from './page-session.ts';
import { readPages } from './pages.ts';

// The tutorials of the documentation, played on real processes with the offline model.

const pages = readPages().filter(isRun);
const patience = 300_000;

let stack: RunningStack;
const folders: string[] = [];

beforeAll(async () => {
  const project = folderWith({ 'dags/idle.yaml': 'steps: [echo idle]\n' });
  folders.push(project);
  const keys = Object.keys(process.env).filter((name) => name.endsWith('_API_KEY') || name.startsWith('SKEIN_'));
  stack = await Stack.start(project, {
    env: {
      ...Object.fromEntries(keys.map((name) => [name, ''])),
      SKEIN_LOG_LEVEL: 'warn',
      SKEIN_LEASE_MS: '120000',
      // What is folded, a command of the page folds.
      SKEIN_MEMORY_FOLD_MS: '3600000',
      SKEIN_SECRET_REGISTRY_TOKEN: 'canary-of-the-pages',
      SKEIN_SECRETS_KEY: Buffer.alloc(32, 'k').toString('base64'),
    },
  });
});

afterAll(async () => {
  await stack?.stop();
  stack?.remove();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

test('the pages of all tasks are run', () => {
  const tasks =
    'agents approvals dead-letters durable-agents memory messages rollouts secrets security skills snapshots souls'.split(
      ' ',
    );
  expect(pages.map(({ path }) => path)).toEqual(expect.arrayContaining(tasks.map((task) => `docs/${task}.md`)));
});

test.each(pages)(
  'the commands of $path do what it shows',
  async (page) => {
    const cwd = folderWith({});
    folders.push(cwd);
    const env = { ...process.env, SKEIN_URL: stack.http, SKEIN_TOKEN: stack.token, NO_COLOR: '1' };
    const acts = actsOf(page);
    expect(acts.filter(({ shown }) => shown.length > 0).length).toBeGreaterThan(0);
    for (const { script, shown } of acts) {
      const { exitCode, output } = await runBlock(script, { cwd, skeinBin, env });
      expect({ script, exitCode, output, notPrinted: notPrinted(shown, output) }).toEqual({
        script,
        exitCode: 0,
        output,
        notPrinted: undefined,
      });
    }
  },
  patience,
);
