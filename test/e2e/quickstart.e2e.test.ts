import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { findMarked, launchVariable } from '@skein/launcher';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChatRequest, FakeOpenAi, type ToolCall } from './fake-openai.ts';
import { makeRepository, oddMessages, ownedFile, shortHashes } from './git-repository.ts';
import {
  eventually,
  folderWith,
  isAlive,
  newMarker,
  type RunJson,
  rootFolder,
  signal,
  skeinBin,
  type WorkerJson,
} from './stack.ts';

/** Ninety commits; the odd ones are the newest. */
const messages = [
  ...Array.from({ length: 90 - oddMessages.length }, (_, index) => `feat: number ${index}`),
  ...oddMessages,
];

interface Report {
  readonly ok: boolean;
  readonly seconds: number;
  readonly run: RunJson;
  readonly workers: readonly (WorkerJson & {
    readonly snapshotsReceived: number;
    readonly snapshotBytesReceived: number;
  })[];
  readonly output: string;
}

interface Quickstart {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Processes that it started, directly or not, and that are still there. */
  left(): Promise<readonly number[]>;
  readonly temporary: string;
}

let repo: string;
const temporaries: string[] = [];
const markers: string[] = [];

beforeAll(() => {
  repo = makeRepository(messages);
  temporaries.push(repo);
});
afterAll(async () => {
  // Also after a test that gave up: nothing stays behind on the machine.
  for (const marker of markers) for (const pid of await findMarked(marker)) signal(pid, 'SIGKILL');
  for (const folder of temporaries) rmSync(folder, { recursive: true, force: true });
});

/** Without keys of this machine, so that the model is the one that the test says; with a TMPDIR and a mark of its own. */
const quickstart = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Quickstart> => {
  const temporary = folderWith({});
  temporaries.push(temporary);
  const marker = newMarker();
  markers.push(marker);
  const outer = Object.entries(process.env).filter(
    ([name]) => !name.endsWith('_API_KEY') && !name.endsWith('_BASE_URL') && name !== 'SKEIN_MODEL',
  );
  const child = spawn(process.execPath, [join(rootFolder, 'scripts/quickstart.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(outer),
      TMPDIR: temporary,
      [launchVariable]: marker,
      SKEIN_LEASE_MS: '120000',
      ...env,
    },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const exitCode = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  return { exitCode, stdout, stderr, left: () => findMarked(marker), temporary };
};

const reportOf = ({ stdout, stderr }: Quickstart): Report => {
  const line = stdout.trimEnd().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as Report;
  } catch {
    throw new Error(`no report:\n${stdout}\n${stderr}`);
  }
};

/** Hashes of the entries of the notes, sorted. */
const listedHashes = (notes: string): string[] =>
  [...notes.matchAll(/^- .*\(`([0-9a-f]+)`\)$/gm)].map((match) => match[1] ?? '').toSorted();

describe('the quickstart with --json', () => {
  it('ends with one line of JSON: every commit once, both workers at work, the snapshot sent to each exactly once', async () => {
    const done = await quickstart(['--repo', repo, '--last', '80', '--json']);
    const report = reportOf(done);
    expect([done.exitCode, report.ok, report.run.status]).toEqual([0, true, 'succeeded']);
    expect(report.seconds).toBeGreaterThan(0);
    expect(report.run.steps.map((step) => [step.id, step.status, step.attempt])).toEqual([
      ['collect', 'succeeded', 1],
      ['triage', 'succeeded', expect.any(Number)],
      ['write', 'succeeded', 1],
      ['verify', 'succeeded', 1],
    ]);
    expect(report.workers).toHaveLength(2);
    for (const worker of report.workers) {
      expect(worker).toMatchObject({ workerId: expect.stringMatching(/^wrk_/), snapshotsReceived: 1 });
      expect(worker.tasks).toBeGreaterThan(0);
      expect(worker.snapshotBytesReceived).toBeGreaterThan(100);
    }
    const hashes = shortHashes(repo, 80);
    expect(listedHashes(report.output)).toEqual(hashes.toSorted());
    for (const hash of hashes) expect(report.output.split(`\`${hash}\``)).toHaveLength(2);
    expect(existsSync(ownedFile(repo))).toBe(false);
    expect(await done.left()).toEqual([]);
    expect(readdirSync(done.temporary)).toEqual([]);
  });
});

describe('the quickstart for people', () => {
  it('prints notes, steps, versions and snapshot, and says that the offline model is no language model', async () => {
    const done = await quickstart(['--repo', repo, '--last', '20']);
    const { stdout } = done;
    expect([done.exitCode, stdout]).toEqual([0, expect.stringContaining('Release notes')]);
    for (const hash of shortHashes(repo, 20)) expect(stdout).toContain(`(\`${hash}\`)`);
    const after = (title: string): string => stdout.slice(stdout.indexOf(`\n${title}\n`));
    for (const step of ['collect', 'triage', 'write', 'verify']) {
      expect(after('Steps')).toMatch(new RegExp(`^${step}\\s+succeeded\\s`, 'm'));
    }
    expect(after('Agents')).toMatch(/^triager\s+v1\s+sha256:[0-9a-f]+…?\s+active/m);
    expect(after('Agents')).toMatch(/^writer\s+v1\s+sha256:[0-9a-f]+…?\s+active/m);
    expect(after('Workers').match(/^wrk_/gm)).toHaveLength(2);
    expect(after('Snapshot')).toMatch(/sha256:[0-9a-f]{64}/);
    expect(after('Model')).toContain('no language model');
    // A commit's colours must not reach the terminal.
    expect(stdout).not.toContain('\u001b');
    expect(await done.left()).toEqual([]);
  });

  it('says what is wrong with a repository that is none, exits with 1, and leaves nothing', async () => {
    const missing = join(repo, 'not-here');
    const done = await quickstart(['--repo', missing]);
    expect(done.exitCode).toBe(1);
    expect(done.stdout + done.stderr).toMatch(/not-here.*is not a git repository/);
    expect(await done.left()).toEqual([]);
    expect(readdirSync(done.temporary)).toEqual([]);
  });
});

/** A data block of the prompt; JSON on one line, whatever the commits say. */
const dataOf = (request: ChatRequest, name: string): unknown => {
  const prompt = request.body.messages.find((message) => message.role === 'user');
  const text = typeof prompt?.content === 'string' ? prompt.content : JSON.stringify(prompt?.content);
  return JSON.parse(new RegExp(`^\`\`\`data ${name}\\n(.*)$`, 'm').exec(text)?.[1] ?? 'null');
};

interface Triaged {
  readonly outputs: { readonly commits: readonly { readonly hash: string; readonly headline: string }[] };
}

/** A model that does as it is told: the triager answers at once, the writer loads its skill and reads its list first. */
const obedient = (request: ChatRequest): ToolCall => {
  const asked = request.body.messages.flatMap((message) => message.tool_calls ?? []).map((call) => call.function.name);
  if (systemOf(request).includes('You sort git commits')) {
    const commits = dataOf(request, 'commits') as readonly { readonly hash: string }[];
    return {
      name: 'output',
      input: {
        commits: commits.map(({ hash }) => ({ hash, category: 'fix', headline: `Told by the model: ${hash}` })),
      },
    };
  }
  if (!asked.includes('load_skill')) return { name: 'load_skill', input: { name: 'release-notes' } };
  if (!asked.includes('read')) {
    return { name: 'read', input: { path: 'skills/release-notes/references/sections.md' } };
  }
  const commits = (dataOf(request, 'results') as readonly Triaged[]).flatMap((item) => item.outputs.commits);
  const entries = commits.map(({ hash, headline }) => `- ${headline} (\`${hash}\`)`);
  return { name: 'output', input: { notes: ['# Release notes', '', '## Fixes', '', ...entries].join('\n') } };
};

const systemOf = (request: ChatRequest): string =>
  request.body.messages
    .filter((message) => message.role === 'system' || message.role === 'developer')
    .map((message) => (typeof message.content === 'string' ? message.content : JSON.stringify(message.content)))
    .join('\n');

const allFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe('the quickstart with a model behind a URL, and --keep', () => {
  const key = 'sk-canary-5f0c2e7d9b1a4836';
  const forms = [
    key,
    ...[0, 1, 2].map((shift) =>
      // Inside a longer base64 text the key looks like one of three; the ends depend on what is around it.
      Buffer.from(`${'x'.repeat(shift)}${key}`)
        .toString('base64')
        .slice(4, -6),
    ),
  ];
  const model = new FakeOpenAi(obedient);
  let done: Quickstart;
  let text: string;
  let dataDir: string;
  let upPid = 0;

  beforeAll(async () => {
    await model.start();
    done = await quickstart(['--repo', repo, '--last', '40', '--keep'], {
      OPENAI_API_KEY: key,
      SKEIN_MODEL_BASE_URL: model.url,
      SKEIN_MODEL: 'fake-model-1',
    });
    text = done.stdout;
    dataDir = / --data (\S+)/.exec(text)?.[1] ?? '';
    upPid = Number(/^ *kill (\d+)$/m.exec(text)?.[1] ?? 0);
  });

  afterAll(() => model.stop());

  const printed = (): string[] => [...text.matchAll(/^ *npx skein (.*)$/gm)].map((match) => match[1] ?? '');

  const runSkein = async (args: readonly string[]): Promise<{ readonly exitCode: number; readonly out: string }> => {
    const child = spawn(process.execPath, [skeinBin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
    }
    const exitCode = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
    return { exitCode, out };
  };

  it('writes the notes that the model gave, and names the model', () => {
    expect([done.exitCode, `${text}${done.stderr}`]).toEqual([0, expect.stringContaining('fake-model-1')]);
    for (const hash of shortHashes(repo, 40)) expect(text).toContain(`- Told by the model: ${hash} (\`${hash}\`)`);
    expect(text).not.toContain('no language model');
  });

  it('sends the model soul, skill catalogue, memory as a read-only view, and the tools', () => {
    expect(model.requests.every((request) => request.url === '/v1/chat/completions')).toBe(true);
    expect(model.requests.every((request) => request.body.model === 'fake-model-1')).toBe(true);
    const writer = model.requests.filter((request) => systemOf(request).includes('release editor'));
    expect(writer).toHaveLength(3);
    for (const request of writer) {
      const system = systemOf(request);
      expect(system).toContain('# Soul: Editor');
      expect(system).toContain('- release-notes: How release notes look in this project.');
      expect(system).toContain('| - Merge commits are listed too');
      expect(system).toContain('Memory is read-only');
      expect(request.body.tools?.map((tool) => tool.function.name).toSorted()).toEqual([
        'load_skill',
        'output',
        'read',
      ]);
    }
    const triager = model.requests.filter((request) => systemOf(request).includes('You sort git commits'));
    expect(triager).toHaveLength(2);
    // No soul, no skill and no memory: the agent and its step ask for none.
    expect(systemOf(triager[0] as ChatRequest)).not.toMatch(/# (Soul|Skills|Memory)/);
  });

  it('goes on running, and the commands that it prints work', async () => {
    expect(printed().length).toBeGreaterThanOrEqual(2);
    for (const command of printed())
      expect([command, await runSkein(command.split(' '))]).toMatchObject([command, { exitCode: 0 }]);
    expect((await runSkein(['runs', '--data', dataDir])).out).toMatch(/release-notes\s+succeeded/);
    expect((await runSkein(['workers', '--data', dataDir])).out.match(/connected/g)).toHaveLength(2);
  });

  it('uses the key in the header of model calls and nowhere else', async () => {
    expect(model.requests.length).toBeGreaterThan(0);
    for (const { headers, text: body, url } of model.requests) {
      expect(headers.authorization).toBe(`Bearer ${key}`);
      expect(JSON.stringify({ ...headers, authorization: '', url })).not.toContain(key);
      expect(body).not.toContain(key);
    }
    const found = (bytes: Buffer): string[] => forms.filter((form) => bytes.includes(form));
    expect(found(Buffer.from(`a key: ${key}`))).toEqual([key]);
    expect(found(Buffer.from(Buffer.from(`a key: ${key}!`).toString('base64')))).toHaveLength(1);
    expect(found(Buffer.from(`${done.stdout}${done.stderr}`))).toEqual([]);
    const files = allFiles(dataDir);
    expect(files.some((file) => file.endsWith('skein.db'))).toBe(true);
    for (const file of files) expect([file, found(readFileSync(file))]).toEqual([file, []]);

    const endpoint = JSON.parse(readFileSync(join(dataDir, 'endpoint.json'), 'utf8')) as {
      readonly http: string;
      readonly adminTokenFile: string;
    };
    const authorization = `Bearer ${readFileSync(endpoint.adminTokenFile, 'utf8').trim()}`;
    const get = async (path: string): Promise<Buffer> => {
      const response = await fetch(`${endpoint.http}${path}`, { headers: { authorization } });
      expect([path, response.status]).toEqual([path, 200]);
      return Buffer.from(await response.arrayBuffer());
    };
    const [run] = (JSON.parse((await get('/api/runs')).toString()) as { readonly items: RunJson[] }).items;
    const base = `/api/runs/${run?.runId}`;
    const paths = [
      base,
      `${base}/events`,
      `${base}/steps/triage/items`,
      `${base}/steps/triage%5B0%5D/log`,
      `${base}/steps/write/log`,
      `${base}/steps/write/outputs/notes`,
      '/api/dags/release-notes',
      '/api/agents',
      '/api/agents/writer/versions',
      '/api/workers',
      '/api/tokens',
      `/api/snapshots/${(await detailOf(get, base)).snapshotDigest}`,
      '/metrics',
      '/readyz',
    ];
    for (const path of paths) expect([path, found(await get(path))]).toEqual([path, []]);
    const envelope = await get(`/api/snapshots/${(await detailOf(get, base)).snapshotDigest}?download`);
    expect(found(envelope)).toEqual([]);
    const opened = gunzipSync(envelope);
    expect(opened.toString('latin1')).toContain('OPENAI_API_KEY');
    expect(found(opened)).toEqual([]);
  });

  it('keeps the key out of every environment that others can read, of those too who were given it', async () => {
    if (!existsSync('/proc/self/environ')) return;
    const left = await done.left();
    const named = (pids: readonly number[]): readonly (string | undefined)[] =>
      pids.map(
        (pid) => /apps\/(\w+)\/(?:dist\/main\.js|bin\/)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1],
      );
    expect(named(left).filter((name) => name === 'worker')).toHaveLength(2);
    expect(named(left.filter((pid) => readFileSync(`/proc/${pid}/environ`).includes(key)))).toEqual([]);
  });

  it('stops with the printed kill, and leaves no process', async () => {
    expect(isAlive(upPid)).toBe(true);
    signal(upPid, 'SIGTERM');
    await eventually('it is gone', async () => (await done.left()).length === 0);
    expect(existsSync(join(dataDir, 'endpoint.json'))).toBe(false);
  });
});

const detailOf = async (get: (path: string) => Promise<Buffer>, path: string): Promise<RunJson> =>
  JSON.parse((await get(path)).toString()) as RunJson;
