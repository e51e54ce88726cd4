import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createGrpcGateway } from '@skein/grpc';
import { sampleBytes, sampleHello } from '@skein/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, folderWith, Stack } from './stack.ts';

const project = {
  'dags/echo.yaml': `name: echo
params:
  - { name: text, type: string, default: still here }
steps:
  - id: say
    command: printf '%s' "\${params.text}"
    output: SAID
`,
  'dags/slow.yaml': `name: slow
params:
  - { name: gate, type: string, required: true }
steps:
  - { id: a, command: "true" }
  - { id: b, depends: a, command: "true" }
  - { id: wait, depends: b, env: [{ GATE: "\${params.gate}" }], script: "while [ ! -e \\"$GATE\\" ]; do sleep 0.02; done" }
  - { id: c, depends: wait, command: "true" }
  - { id: d, depends: c, command: "true" }
`,
};

let folder: string;
let stack: Stack;
let grpcAddress: string;
let joinToken: string;
let coordinatorPid: number | undefined;

beforeAll(async () => {
  folder = folderWith(project);
  stack = await Stack.start(folder);
  grpcAddress = (JSON.parse(readFileSync(stack.endpointFile, 'utf8')) as { readonly grpc: string }).grpc;
  joinToken = readFileSync(join(stack.data, 'join-token'), 'utf8').trim();
  coordinatorPid = stack.processOf('coordinator')?.pid;
});

/** Whatever was done to it: the same process serves a run, on workers that are still the same two. */
afterEach(async () => {
  const run = await stack.finished((await stack.submit('echo')).runId);
  expect([run.status, run.steps[0]?.outputs]).toEqual(['succeeded', { SAID: 'still here' }]);
  expect(stack.processOf('coordinator')?.pid).toBe(coordinatorPid);
  await eventually(
    'only the two workers are connected',
    async () => (await stack.workers()).filter((worker) => worker.state === 'connected').length === 2,
  );
});

afterAll(async () => {
  const { left, exitCode } = await stack.stop();
  stack.remove();
  rmSync(folder, { recursive: true, force: true });
  expect([exitCode, left]).toEqual([0, []]);
});

interface Refusal {
  readonly code?: string;
}

/** Opens a worker stream with a hello and gives the error with which it ends. */
const joining = (token: string, hello = sampleHello()): Promise<Refusal | undefined> => {
  const gateway = createGrpcGateway({ address: grpcAddress });
  return new Promise((resolve) => {
    let refused: Refusal | undefined;
    const link = gateway.openWorkerStream(
      { token },
      {
        onMessage: (message) => {
          if (message.type === 'refused') refused = message.error;
        },
        onClosed: (reason) => {
          gateway.close();
          resolve(refused ?? reason);
        },
      },
    );
    link.send(hello);
  });
};

/** Sends bytes as the body of a `Work` call and gives its gRPC status. */
const callRaw = (body: Buffer, token = joinToken): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const session = http2.connect(`http://${grpcAddress}`);
    session.on('error', reject);
    const call = session.request({
      ':method': 'POST',
      ':path': '/skein.worker.v1.WorkerService/Work',
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${token}`,
    });
    let status: number | undefined;
    const take = (headers: http2.IncomingHttpHeaders): void => {
      if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
    };
    call.on('response', take).on('trailers', take);
    call.on('error', () => undefined);
    const finish = (): void => {
      session.destroy();
      resolve(status);
    };
    // The server ends its half; ours stays open, as that of a worker would.
    call.on('end', finish).on('close', finish);
    call.resume();
    call.write(body);
  });

const grpcFrame = (message: Buffer, declared = message.length): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(declared, 1);
  return Buffer.concat([head, message]);
};

/** Writes bytes to a port and waits for the end of the connection. */
const spit = (port: number, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.resume();
  });

describe('the port for workers', () => {
  it('refuses join tokens that are none', async () => {
    for (const token of ['', 'x', 'sk_join_0000', 'x'.repeat(4_000)]) {
      expect(await joining(token)).toMatchObject({ code: 'unauthenticated' });
    }
  });

  it('refuses a token of the API, and the API refuses a join token', async () => {
    expect((await joining(stack.token))?.code).toMatch(/unauthenticated|permission_denied/);
    const headers = { authorization: `Bearer ${joinToken}` };
    expect((await fetch(`${stack.http}/api/runs`, { headers })).status).toBe(401);
  });

  it('refuses a protocol that it does not speak, typed', async () => {
    const hello = { ...sampleHello(), protocol: { min: 900, max: 901 } };
    expect((await joining(joinToken, hello))?.code).toMatch(/unimplemented|invalid_argument/);
  });

  it.each([
    ['bytes that are no message', grpcFrame(Buffer.from(sampleBytes(500))), 3],
    ['a length that promises more than there is', grpcFrame(Buffer.from([0x0a, 0xff, 0xff, 0x7f, 1, 2, 3])), 3],
    ['a frame of three megabytes', grpcFrame(Buffer.alloc(3_000_000)), 8],
    ['a frame that declares four gigabytes', grpcFrame(Buffer.alloc(10), 0xffff_ffff), 8],
  ])('ends a stream with %s, and only that', async (_name, bytes, status) => {
    expect(await callRaw(bytes)).toBe(status);
  });

  it.each([
    ['random bytes', Buffer.from(sampleBytes(100_000))],
    ['HTTP/1', Buffer.from('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')],
    [
      'an HTTP/2 preface and random bytes',
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from(sampleBytes(10_000))]),
    ],
  ])('hangs up on %s', async (_name, bytes) => {
    await spit(Number(grpcAddress.split(':').at(-1)), bytes);
  });
});

interface ProblemJson {
  readonly code: string;
}

const post = async (body: string | ReadableStream<Uint8Array>, headers: Readonly<Record<string, string>> = {}) => {
  const response = await fetch(`${stack.http}/api/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.token}`, 'content-type': 'application/json', ...headers },
    body,
    ...(typeof body === 'string' ? {} : ({ duplex: 'half' } as object)),
  });
  return [response.status, ((await response.json()) as ProblemJson).code];
};

describe('the HTTP API', () => {
  it.each([
    ['nothing', ''],
    ['a list', '[]'],
    ['a number for the DAG', '{"dag":1}'],
    ['params that are a list', '{"dag":"echo","params":[1]}'],
    ['a parameter of the wrong type', '{"dag":"echo","params":{"text":{"a":1}}}'],
    ['JSON ten thousand levels deep', `{"dag":"echo","params":{"text":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`],
    ['a key that pollutes', '{"dag":"echo","params":{"__proto__":{"text":"x"}}}'],
    ['the same, escaped', '{"dag":"echo","params":{"\\u005f_proto__":{"text":"x"}}}'],
    ['a constructor', '{"dag":"echo","params":{"constructor":{"prototype":{"text":"x"}}}}'],
  ])('refuses a body with %s', async (_name, body) => {
    expect(await post(body)).toEqual([400, 'invalid_argument']);
  });

  it('takes one of two equal keys, or refuses them, but never both', async () => {
    const [status] = await post('{"dag":"echo","dag":"slow","params":{"text":"a","text":"b"}}');
    expect([200, 201, 400]).toContain(status);
  });

  it('refuses a body of a hundred megabytes without keeping it', async () => {
    const megabyte = new Uint8Array(1024 * 1024).fill(0x20);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (sent++ < 100) controller.enqueue(megabyte);
        else controller.close();
      },
    });
    // The server answers and hangs up; who goes on sending may see only the hanging up.
    const answer = await post(body).catch(() => 'hung up');
    if (answer !== 'hung up') expect(answer).toEqual([413, 'too_large']);
    const declared = await spitHttp(
      `POST /api/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stack.token}\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{}`,
    );
    expect(declared).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('refuses credentials that are none', async () => {
    for (const authorization of ['Bearer', 'Bearer wrong', `Bearer ${'a'.repeat(5_000)}`, 'Basic YTpi']) {
      const response = await fetch(`${stack.http}/api/runs`, { headers: { authorization } });
      expect([response.status, ((await response.json()) as ProblemJson).code]).toEqual([401, 'unauthenticated']);
    }
  });

  it('survives garbage that is no HTTP', async () => {
    await spit(Number(new URL(stack.http).port), Buffer.from(sampleBytes(100_000)));
  });
});

/** Writes text to the HTTP port and gives the beginning of what comes back. */
const spitHttp = (text: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(stack.http).port), '127.0.0.1', () => socket.write(text));
    socket.on('error', () => resolve(''));
    socket.once('data', (bytes: Buffer) => {
      socket.destroy();
      resolve(bytes.toString());
    });
  });

interface Event {
  readonly seq: number;
  readonly type: string;
}

/** Reads events of a run after one, until the stream ends or `enough` came, and then cuts the connection. */
const readEvents = async (runId: string, after: number | undefined, enough = Number.POSITIVE_INFINITY) => {
  const cut = new AbortController();
  const response = await fetch(`${stack.http}/api/runs/${runId}/events`, {
    headers: {
      authorization: `Bearer ${stack.token}`,
      ...(after === undefined ? {} : { 'last-event-id': String(after) }),
    },
    signal: cut.signal,
  });
  const events: Event[] = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) events.push(JSON.parse(data) as Event);
    }
    if (events.length >= enough) break;
  }
  cut.abort();
  return events.slice(0, enough);
};

describe('a stream of events that is cut again and again', () => {
  it('goes on after the last id without a gap and without a repetition', async () => {
    const gates = folderWith({});
    const gate = join(gates, 'open');
    const { runId } = await stack.submit('slow', { gate });
    const seen: Event[] = [];
    while (seen.at(-1)?.type !== 'run_finished') {
      // The cuts come while the run goes on: behind the fifth event the run waits for the gate.
      const got = await readEvents(runId, seen.at(-1)?.seq, seen.length < 8 ? 2 : 3);
      seen.push(...got);
      if (seen.length >= 5) writeFileSync(gate, '');
    }
    rmSync(gates, { recursive: true, force: true });
    expect(seen.map((event) => event.seq)).toEqual(seen.map((_, index) => index + 1));
    expect(await readEvents(runId, undefined)).toEqual(seen);
    expect(await readEvents(runId, seen.length)).toEqual([]);
  });
});
