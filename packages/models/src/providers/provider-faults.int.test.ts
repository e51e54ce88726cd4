import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ModelProvider } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { TurnRequest } from '@skein/ports';
import { FakeClock } from '@skein/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createModelRouter } from '../model-router.ts';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

let server: Server;
let answer: Answer;
let bodies: { [key: string]: unknown }[];
let clock: FakeClock;
beforeEach(async () => {
  bodies = [];
  clock = new FakeClock();
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(JSON.parse(body) as { [key: string]: unknown });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const secret = 'sk-very-secret-key';

const requestFor = (provider: ModelProvider, changes: Partial<TurnRequest> = {}): TurnRequest => ({
  model: {
    id: 'default',
    provider,
    model: 'some-model',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    secretName: 'KEY',
    parameters: {},
  },
  system: 'Be brief.',
  messages: [{ role: 'user', text: 'Hello' }],
  tools: [],
  ...changes,
});

const turn = (request: TurnRequest, signal = new AbortController().signal, heard: string[] = []) =>
  createModelRouter({ clock, idleTimeoutMs: 1_000 }).turn(
    {
      readSecret: (name) =>
        name === 'KEY' ? Promise.resolve(secret) : Promise.reject(new DomainError('not_found', 'no such secret')),
      ...request,
    },
    (text) => heard.push(text),
    signal,
  );

const openAiChunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const anthropicEvent = (type: string, body: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
const anthropicStart =
  anthropicEvent('message_start', {
    message: {
      id: 'm',
      type: 'message',
      role: 'assistant',
      model: 'x',
      content: [],
      usage: { input_tokens: 3, output_tokens: 1 },
    },
  }) + anthropicEvent('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
const anthropicDelta = anthropicEvent('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hel' } });

const firstHalf: { readonly [provider: string]: string } = {
  openai: openAiChunk({ role: 'assistant', content: 'Hel' }),
  'openai-compatible': openAiChunk({ role: 'assistant', content: 'Hel' }),
  anthropic: anthropicStart + anthropicDelta,
};

const stream = (response: ServerResponse, text: string) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(text);
};

const status =
  (code: number, headers: { [name: string]: string } = {}, message = `failed with ${secret}`): Answer =>
  (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ type: 'error', error: { type: 'some_error', message } }));
  };

describe.each(['openai', 'openai-compatible', 'anthropic'] as const)('%s', (provider) => {
  const failure = async (): Promise<DomainError> => {
    const thrown: unknown = await turn(requestFor(provider)).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(DomainError);
    expect(JSON.stringify(thrown) + (thrown as Error).message).not.toContain(secret);
    return thrown as DomainError;
  };

  test('429 is resource_exhausted with the hint of the provider, after one request', async () => {
    answer = status(429, { 'retry-after': '7' });
    expect(await failure()).toMatchObject({
      code: 'resource_exhausted',
      details: { status: 429, retryAfterMs: 7_000 },
    });
    expect(bodies).toHaveLength(1);
  });

  test('a hint in milliseconds or as a date is understood', async () => {
    answer = status(429, { 'retry-after-ms': '250' });
    expect(await failure()).toMatchObject({ details: { retryAfterMs: 250 } });
    answer = status(503, { date: 'Sat, 21 Nov 2026 00:00:00 GMT', 'retry-after': 'Sat, 21 Nov 2026 00:00:30 GMT' });
    expect(await failure()).toMatchObject({ code: 'unavailable', details: { retryAfterMs: 30_000 } });
  });

  test.each([500, 502, 503, 529])('%i is unavailable', async (code) => {
    answer = status(code);
    expect(await failure()).toMatchObject({ code: 'unavailable', details: { status: code } });
    expect(bodies).toHaveLength(1);
  });

  test.each([401, 403])('%i is unauthenticated and does not quote the provider', async (code) => {
    answer = status(code, {}, 'Incorrect API key provided: sk-very***key');
    const error = await failure();
    expect(error).toMatchObject({ code: 'unauthenticated', details: { status: code } });
    expect(error.message).not.toContain('sk-very');
  });

  test.each([400, 404, 422])('%i is invalid_argument', async (code) => {
    answer = status(code);
    expect((await failure()).code).toBe('invalid_argument');
  });

  test('a stream that is cut is unavailable, and what came before was heard', async () => {
    answer = (response) => {
      stream(response, firstHalf[provider] ?? '');
      setTimeout(() => response.destroy(), 20);
    };
    const heard: string[] = [];
    await expect(turn(requestFor(provider), undefined, heard)).rejects.toMatchObject({ code: 'unavailable' });
    expect(heard).toEqual(['Hel']);
  });

  test('a stream that ends early in good order is unavailable too', async () => {
    answer = (response) => {
      stream(response, firstHalf[provider] ?? '');
      response.end();
    };
    expect((await failure()).code).toBe('unavailable');
  });

  test('malformed JSON in the stream is unavailable', async () => {
    answer = (response) => {
      stream(response, `${firstHalf[provider]}data: {"choices": [{{{\n\n`);
      response.end();
    };
    expect((await failure()).code).toBe('unavailable');
  });

  test('a body that is no event stream is unavailable', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('<html>oops');
    };
    expect((await failure()).code).toBe('unavailable');
  });

  test('a silent provider is given up after the idle time', async () => {
    answer = (response) => stream(response, firstHalf[provider] ?? '');
    const heard: string[] = [];
    const running = turn(requestFor(provider), undefined, heard);
    const failed = expect(running).rejects.toMatchObject({ code: 'deadline_exceeded', details: { idleMs: 1_000 } });
    await expect.poll(() => heard).toEqual(['Hel']);
    await clock.advance(1_000);
    await failed;
    expect(clock.pending).toBe(0);
  });

  test('an abort ends the turn with its reason and closes the connection', async () => {
    let closed = false;
    answer = (response) => {
      response.on('close', () => (closed = true));
      stream(response, firstHalf[provider] ?? '');
    };
    const controller = new AbortController();
    const reason = new DomainError('cancelled', 'stop');
    const heard: string[] = [];
    const running = turn(requestFor(provider), controller.signal, heard);
    const failed = expect(running).rejects.toBe(reason);
    await expect.poll(() => heard).toEqual(['Hel']);
    controller.abort(reason);
    await failed;
    await expect.poll(() => closed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('a provider that nobody answers for is unavailable', async () => {
    const request = requestFor(provider);
    const model = { ...request.model, baseUrl: 'http://127.0.0.1:9/v1' };
    await expect(turn({ ...request, model })).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('a secret that is not set fails without a request', async () => {
    const request = requestFor(provider);
    const model = { ...request.model, secretName: 'OTHER' };
    await expect(turn({ ...request, model })).rejects.toMatchObject({
      code: 'unauthenticated',
      details: { secretName: 'OTHER' },
    });
    expect(bodies).toHaveLength(0);
  });
});

test('an error event inside an Anthropic stream is told by its kind', async () => {
  const types = {
    overloaded_error: 'unavailable',
    rate_limit_error: 'resource_exhausted',
    invalid_request_error: 'invalid_argument',
  };
  for (const [type, code] of Object.entries(types)) {
    answer = (response) => {
      stream(response, anthropicStart + anthropicDelta + anthropicEvent('error', { error: { type, message: 'no' } }));
      response.end();
    };
    await expect(turn(requestFor('anthropic'))).rejects.toMatchObject({ code });
  }
});

test('parameters of the model file reach the provider, and the smaller bound of tokens', async () => {
  answer = (response) => {
    stream(response, openAiChunk({ role: 'assistant', content: 'ok' }) + openAiChunk({}, 'stop'));
    response.end('data: [DONE]\n\n');
  };
  const request = requestFor('openai', { maxOutputTokens: 50 });
  const parameters = { temperature: 0.2, top_p: 0.9, stop: 'END', reasoning_effort: 'low' };
  const done = await turn({ ...request, model: { ...request.model, parameters, maxOutputTokens: 900 } });
  expect(bodies[0]).toMatchObject({ temperature: 0.2, top_p: 0.9, stop: ['END'], reasoning_effort: 'low' });
  expect(JSON.stringify(bodies[0])).toContain('50');
  // The server counted nothing, so the counts are estimates and not 0.
  expect(done.usage.inputTokens).toBeGreaterThan(0);
});

test.each(['openai', 'anthropic'] as const)('a base URL without a path gets /v1 for %s', async (provider) => {
  const paths: (string | undefined)[] = [];
  answer = (response, request) => {
    paths.push(request.url);
    status(500)(response, request);
  };
  const request = requestFor(provider);
  const baseUrl = request.model.baseUrl?.replace('/v1', '/') ?? '';
  await expect(turn({ ...request, model: { ...request.model, baseUrl } })).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(paths).toEqual([provider === 'openai' ? '/v1/chat/completions' : '/v1/messages']);
});

test('Anthropic always gets a bound, lower for models that write less', async () => {
  answer = status(500);
  const request = requestFor('anthropic');
  for (const model of ['claude-3-haiku-20240307', 'some-model']) {
    await turn({ ...request, model: { ...request.model, model } }).catch(() => {});
  }
  await turn({ ...request, maxOutputTokens: 70 }).catch(() => {});
  expect(bodies.map((body) => body['max_tokens'])).toEqual([4_096, 32_000, 70]);
});

test('tool arguments that are no JSON come through as text, for the agent to answer', async () => {
  answer = (response) => {
    const call = { index: 0, id: 'c1', type: 'function', function: { name: 'read', arguments: '{"path": ' } };
    stream(response, openAiChunk({ role: 'assistant', tool_calls: [call] }) + openAiChunk({}, 'tool_calls'));
    response.end('data: [DONE]\n\n');
  };
  const tools = [{ name: 'read', description: 'Reads.', inputSchema: { type: 'object', properties: {} } }];
  expect((await turn(requestFor('openai', { tools }))).toolCalls).toEqual([
    { callId: 'c1', tool: 'read', input: '{"path": ' },
  ]);
});

describe('keys', () => {
  const turnWith = (key: string) =>
    createModelRouter({ clock }).turn(
      requestFor('openai-compatible', { readSecret: () => Promise.resolve(key) }),
      () => {},
      new AbortController().signal,
    );

  test('a key with a line break at its end is used without it', async () => {
    let seen: string | undefined;
    answer = (response, request) => {
      seen = request.headers.authorization;
      status(400)(response, request);
    };
    await turnWith(`${secret}\n`).catch(() => {});
    expect(seen).toBe(`Bearer ${secret}`);
  });

  test.each([' sk-one\nsk-two\n', 'sk-one two', 'sk-schlüssel', 'sk\0'])(
    'the text %j is no key; it is neither sent nor told',
    async (key) => {
      const error: unknown = await turnWith(key).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'unauthenticated' });
      expect(JSON.stringify([error, (error as Error).message, String((error as Error).cause)])).not.toContain('sk');
      expect(bodies).toEqual([]);
    },
  );
});

test('an answer without end is cut and its connection closed', async () => {
  let isClosed = false;
  answer = (response) => {
    stream(response, firstHalf['openai'] ?? '');
    const chunk = openAiChunk({ content: 'x'.repeat(1024 * 1024) });
    const timer = setInterval(() => response.write(chunk), 1);
    response.once('close', () => {
      clearInterval(timer);
      isClosed = true;
    });
  };
  await expect(turn(requestFor('openai'))).rejects.toMatchObject({ code: 'too_large' });
  await expect.poll(() => isClosed).toBe(true);
});

test.each(['openai', 'openai-compatible', 'anthropic'] as const)(
  'a redirect of %s is not followed: neither the key nor the conversation goes elsewhere',
  async (provider) => {
    let strangers = 0;
    const other = createServer((_request, response) => {
      strangers += 1;
      response.end();
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/v1`;
    answer = (response) => response.writeHead(307, { location }).end();
    await expect(turn(requestFor(provider))).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { status: 307 },
    });
    expect(strangers).toBe(0);
    await new Promise((resolve) => other.close(resolve));
  },
);
