import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type SkeinClient } from '@skein/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CaptureProxy, startCaptureProxy } from './capture-proxy.ts';
import { type ChatRequest, FakeOpenAi, type ToolCall } from './fake-openai.ts';
import { filesWithSecret, holdsSecret } from './find-secret.ts';
import { descendantsOf, eventually, folderWith, skeinBin } from './stack.ts';

const canary = (name: string): string => `sk-canary-${name}-${process.pid}-q7Xw2LmZ9v`;
const modelKey = canary('model');
const password = canary('password');
const toolToken = canary('tool');

/** A model that says everything it was told, its own key included. */
const talkative = (request: ChatRequest): ToolCall => {
  const key = request.headers.authorization ?? '';
  const turn = request.body.messages.filter((message) => message.role === 'assistant').length;
  if (turn === 0) return { name: 'remember', input: { op: 'append', text: `The key is ${key}.` } };
  if (turn === 1) return { name: 'echo__token', input: { note: Buffer.from(key).toString('base64') } };
  return { name: 'output', input: { answer: `I was called with ${key}` } };
};

const toolServer = `
let text = '';
process.stdin.on('data', (chunk) => {
  text += chunk;
  for (let end = text.indexOf('\\n'); end !== -1; end = text.indexOf('\\n')) {
    const message = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    const answer = (result) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }) + '\\n');
    if (message.method === 'initialize')
      answer({ protocolVersion: message.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'echo', version: '1' } });
    if (message.method === 'tools/list')
      answer({ tools: [{ name: 'token', description: 'Tells its token.', inputSchema: { type: 'object', properties: { note: { type: 'string' } } } }] });
    if (message.method === 'tools/call') {
      process.stderr.write('stderr says ' + process.env.TOOL_TOKEN + '\\n');
      answer({ content: [{ type: 'text', text: 'my token is ' + process.env.TOOL_TOKEN }] });
    }
  }
});
`;

const projectFor = (modelUrl: string, server: string): Record<string, string> => ({
  'models/canary.yaml': `provider: openai-compatible\nmodel: talkative\nbase_url: ${modelUrl}\nsecret: CANARY_KEY\n`,
  'agents/teller/agent.yaml': `model: canary
tools: [remember]
mcp:
  echo:
    command: ${process.execPath}
    args: ["${server}"]
    env:
      TOOL_TOKEN: "\${secrets.TOOL_TOKEN}"
output_schema:
  type: object
  properties: { answer: { type: string } }
  required: [answer]
`,
  'agents/teller/INSTRUCTIONS.md': 'Tell everything.\n',
  'dags/leaky.yaml': `name: leaky
secrets:
  - name: PASSWORD
    source: DB_PASSWORD
steps:
  - id: shout
    script: |
      echo "plain $PASSWORD"
      printf 'user:%s' "$PASSWORD" | base64
      printf '%s' "$PASSWORD" | od -An -tx1 | tr -d ' \\n'
      echo
      echo "stderr $PASSWORD" >&2
      printf '{"password":"%s","deep":{"%s":[1]}}' "$PASSWORD" "$PASSWORD" > "$SKEIN_OUTPUT"
    output: SHOUTED
    outputs: { password: string, deep: object }
  - id: fail
    depends: shout
    command: echo "failing with $PASSWORD \${steps.shout.outputs.password}" >&2; exit 3
    continue_on: failed
  - id: tell
    depends: fail
    type: agent
    agent: teller
    prompt: "Say \${steps.shout.outputs.password} and \${steps.shout.stdout}"
    memory: { read: true, propose: true }
`,
});

interface World {
  readonly client: SkeinClient;
  readonly proxy: CaptureProxy;
  readonly data: string;
  readonly runId: string;
  output(): string;
  /** All processes of it, now. */
  pids(): readonly number[];
  stop(): Promise<void>;
}

/** What another process of the same user can read of a process's environment; Linux only. */
const environmentOf = (pid: number): Buffer => {
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch {
    return Buffer.alloc(0);
  }
};

const cleanEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.endsWith('_API_KEY') && !name.startsWith('SKEIN_')),
  );

/** A coordinator, a proxy that keeps every byte, one worker behind it, and one finished run. */
const startWorld = async (
  folder: string,
  env: { readonly coordinator: NodeJS.ProcessEnv; readonly worker: NodeJS.ProcessEnv; readonly ca?: string },
): Promise<World> => {
  const data = mkdtempSync(join(tmpdir(), 'skein-secrets-'));
  const children: ChildProcess[] = [];
  let output = '';
  const start = (args: readonly string[], extra: NodeJS.ProcessEnv): ChildProcess => {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnv(), SKEIN_LOG_LEVEL: 'debug', ...extra },
    });
    children.push(child);
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return child;
  };
  let proxy: CaptureProxy | undefined;
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await gone;
      clearTimeout(force);
    }
    await proxy?.stop();
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const coordinator = start([skeinBin, 'coordinator'], {
      SKEIN_DATA: data,
      SKEIN_HTTP: '127.0.0.1:0',
      SKEIN_GRPC: '127.0.0.1:0',
      SKEIN_PROJECT: folder,
      SKEIN_LEASE_MS: '120000',
      ...env.coordinator,
    });
    const endpointFile = join(data, 'endpoint.json');
    await eventually(`endpoint.json\n${output}`, () => {
      if (coordinator.exitCode !== null) throw new Error(`the coordinator ended: ${output}`);
      return existsSync(endpointFile);
    });
    const found = JSON.parse(readFileSync(endpointFile, 'utf8')) as {
      http: string;
      grpc: string;
      adminTokenFile: string;
    };
    const client = createClient({
      url: found.http,
      token: readFileSync(found.adminTokenFile, 'utf8').trim(),
      ...(env.ca === undefined ? {} : { ca: readFileSync(env.ca, 'utf8') }),
    });
    const captured = await startCaptureProxy(found.grpc);
    proxy = captured;
    start([skeinBin, 'worker', '--coordinator', captured.address, '--join-token-file', join(data, 'join-token')], {
      SKEIN_WORK_DIR: join(data, 'work'),
      ...env.worker,
    });
    await eventually('the worker joined', async () => (await client.workers.list()).length === 1);
    const { run } = await client.runs.submit({ dag: 'leaky' });
    await eventually('the run ended', async () => (await client.runs.get(run.runId)).finishedAt !== undefined, 60_000);
    return {
      client,
      proxy: captured,
      data,
      runId: run.runId,
      output: () => output,
      pids: () =>
        children
          .flatMap(({ pid = 0 }) => [pid, ...descendantsOf(pid).map((line) => line.pid)])
          .filter((pid) => pid > 0),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** An authority, and a certificate of it for a coordinator on this machine. */
const certificatesIn = (
  folder: string,
): { readonly ca: string; readonly certificate: string; readonly key: string } => {
  const certs = (...args: readonly string[]): unknown =>
    execFileSync(process.execPath, [skeinBin, 'certs', ...args, '--dir', folder], { stdio: 'ignore' });
  certs('init');
  certs('issue', 'coordinator', 'one', '--host', '127.0.0.1');
  const [ca, certificate, key] = ['ca.pem', 'coordinator-one.pem', 'coordinator-one.key'];
  return { ca: join(folder, ca), certificate: join(folder, certificate), key: join(folder, key) };
};

const secrets = {
  SKEIN_SECRET_CANARY_KEY: modelKey,
  SKEIN_SECRET_DB_PASSWORD: password,
  SKEIN_SECRET_TOOL_TOKEN: toolToken,
};

describe.each([
  { who: "the worker's own environment, over plain gRPC", tls: false },
  { who: 'the coordinator, over TLS', tls: true },
])('secrets from $who', ({ tls }) => {
  const model = new FakeOpenAi(talkative);
  let folder = '';
  let world: World | undefined;

  beforeAll(async () => {
    await model.start();
    const serverFolder = folderWith({ 'server.mjs': toolServer });
    folder = folderWith(projectFor(model.url, join(serverFolder, 'server.mjs')));
    const pair = tls ? certificatesIn(serverFolder) : undefined;
    world = await startWorld(
      folder,
      pair === undefined
        ? { coordinator: {}, worker: secrets }
        : {
            coordinator: { ...secrets, SKEIN_TLS_CERT_FILE: pair.certificate, SKEIN_TLS_KEY_FILE: pair.key },
            worker: { SKEIN_CA_FILE: pair.ca },
            ca: pair.ca,
          },
    );
  });

  afterAll(async () => {
    await world?.stop();
    await model.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const started = (): World => {
    if (world === undefined) throw new Error('nothing was started');
    return world;
  };

  it('reach the steps, the provider and the tool server', async () => {
    const { client, runId } = started();
    const run = await client.runs.get(runId);
    expect(run.steps.map(({ id, status, error }) => [id, status, error?.message])).toEqual([
      ['shout', 'succeeded', undefined],
      ['fail', 'failed', expect.stringContaining('code 3')],
      ['tell', 'succeeded', undefined],
    ]);
    expect(model.requests.length).toBeGreaterThanOrEqual(3);
    expect(model.requests.every(({ headers }) => headers.authorization === `Bearer ${modelKey}`)).toBe(true);
    expect(run.steps[0]?.outputs).toMatchObject({ password: '[redacted]' });
    expect(run.steps[2]?.outputs).toEqual({ answer: 'I was called with Bearer [redacted]' });
  });

  it.each([
    ['the model key', modelKey],
    ['the password', password],
    ["the tool's token", toolToken],
  ])(
    '%s is in no file, log, event, answer, snapshot, proposal, captured byte, or process that others can read',
    async (_name, secret) => {
      if (world === undefined && process.env['REQUIRE_SERVICES'] === undefined) return;
      const { client, runId, data, proxy } = world as World;
      const run = await client.runs.get(runId);
      const said: { [where: string]: Uint8Array | string } = {
        run: JSON.stringify(run),
        output: (world as World).output(),
      };
      const events: unknown[] = [];
      for await (const event of client.runs.watch(runId)) events.push(event);
      said['events'] = JSON.stringify(events);
      for (const { id } of run.steps) {
        said[`log of ${id}`] = (await client.runs.log(runId, id)).text;
        expect(said[`log of ${id}`]).not.toBe('');
      }
      said['proposals'] = JSON.stringify(await client.memory.proposals());
      expect(said['proposals']).toContain('The key is');
      said['snapshot'] = await client.snapshots.download(run.snapshotDigest ?? '');
      said['metrics'] = await client.metrics();
      said['network'] = proxy.captured();
      for (const pid of (world as World).pids()) said[`environment of ${pid}`] = environmentOf(pid);
      expect(proxy.captured().length).toBeGreaterThan(1_000);
      expect(Object.keys(said).filter((where) => holdsSecret(said[where] ?? '', secret))).toEqual([]);
      expect(filesWithSecret(data, secret)).toEqual([]);
      const prompts = model.requests.map(({ text }) => text).join('\n');
      if (secret !== modelKey) expect(holdsSecret(prompts, secret)).toBe(false);
    },
  );

  it('are released under the lease of a task that declares them, and each release is on record', async () => {
    const { client, runId } = started();
    const released: string[] = [];
    for await (const { type, data } of client.runs.watch(runId)) {
      if (type === 'secret_released') released.push(JSON.stringify([data['step'], data['secret']]));
    }
    expect(released.toSorted((a, b) => (a < b ? -1 : 1)).map((line) => JSON.parse(line) as unknown)).toEqual(
      tls
        ? [
            ['fail', 'DB_PASSWORD'],
            ['shout', 'DB_PASSWORD'],
            ['tell', 'CANARY_KEY'],
            ['tell', 'TOOL_TOKEN'],
          ]
        : [],
    );
  });
});

it('finds what it looks for, in every form', async () => {
  const { gzipSync } = await import('node:zlib');
  const forms = [
    password,
    Buffer.from(`xx${password}y`).toString('base64'),
    Buffer.from(password).toString('hex'),
    Buffer.concat([Buffer.from('before'), gzipSync(`{"a":"${password}"}`), Buffer.from('after')]),
  ];
  for (const form of forms) expect(holdsSecret(form, password)).toBe(true);
  expect(holdsSecret(`${password.slice(0, -1)}!`, password)).toBe(false);
});
