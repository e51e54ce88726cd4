import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@skein/sdk';
import { freePort, startPostgres } from '@skein/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { folderWith, skeinBin } from '../e2e/stack.ts';
import { notPrinted, runBlock } from './page-session.ts';
import { blocksOf, pageAt } from './pages.ts';

// The page about TLS, played: its other terminals are processes that go on.

const patienceMs = 90_000;

test(
  'the commands of docs/tls.md make a fleet that speaks TLS',
  async () => {
    const database = await startPostgres();
    const cwd = folderWith({});
    const running: ChildProcess[] = [];
    let output = '';
    onTestFinished(async () => {
      await Promise.all(running.map(endGroup));
      await database.stop();
      rmSync(cwd, { recursive: true, force: true });
    });
    const ports = new Map<string, number>();
    for (const port of ['7420', '7421', '7430', '7431']) ports.set(port, await freePort());
    const fit = (script: string): string =>
      script
        .replace(/\b74[23][01]\b/g, (port) => String(ports.get(port)))
        .replace('postgres://skein:skein@127.0.0.1:5432/skein', database.url);
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SKEIN_')));
    const env = { ...clean, NO_COLOR: '1', SKEIN_LOG_LEVEL: 'warn' };
    const start = (script: string): void => {
      const npx = `npx() { shift; exec "${process.execPath}" "${skeinBin}" "$@"; }`;
      const child = spawn('bash', ['-eu', '-c', `${npx}\n${script}`], { cwd, env, detached: true });
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
      running.push(child);
    };
    const isReady: { readonly [terminal: string]: () => Promise<boolean> } = {
      alpha: () => answers(ports.get('7420'), cwd),
      beta: () => answers(ports.get('7430'), cwd),
      worker: async () => true,
      scheduler: async () => true,
    };
    const blocks = blocksOf(pageAt('docs/tls.md'));
    for (const [index, { language, text }] of blocks.entries()) {
      if (language !== 'sh' || text.startsWith('# elsewhere')) continue;
      const script = fit(text);
      const terminal = /^# in another terminal: (\w+)/.exec(text)?.[1];
      if (terminal !== undefined) {
        start(script);
        const ready = isReady[terminal];
        await expect.poll(() => ready?.(), { timeout: patienceMs, interval: 200, message: output }).toBe(true);
        continue;
      }
      const ran = await runBlock(script, { cwd, skeinBin, env });
      expect({ script, exitCode: ran.exitCode, said: ran.exitCode === 0 ? '' : `${ran.output}\n${output}` }).toEqual({
        script,
        exitCode: 0,
        said: '',
      });
      const next = blocks[index + 1];
      const shown = next?.language === 'text' ? next.text.trimEnd().split('\n') : [];
      expect({ output: ran.output, notPrinted: notPrinted(shown, ran.output) }).toEqual({
        output: ran.output,
        notPrinted: undefined,
      });
    }
  },
  4 * patienceMs,
);

/** Ready, as a client sees it that trusts the authority of the page. */
const answers = async (port: number | undefined, cwd: string): Promise<boolean> => {
  const ca = await readFile(`${cwd}/certs/ca.pem`, 'utf8');
  const client = createClient({ url: `https://localhost:${port}`, ca, retry: { attempts: 1 } });
  return (await client.readiness().catch(() => undefined))?.status === 'ready';
};

const endGroup = async ({ pid, exitCode }: ChildProcess): Promise<void> => {
  if (pid === undefined || exitCode !== null) return;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    try {
      process.kill(-pid, signal);
    } catch {
      return;
    }
    await pause(1_500);
  }
};
