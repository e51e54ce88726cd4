import { LLMock } from '@copilotkit/aimock';
import type { ModelProvider } from '@skein/domain';
import { createModelRouter } from '@skein/models';
import type { TurnRequest } from '@skein/ports';
import { FakeClock } from '@skein/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

// The providers' real HTTP protocols, spoken by a server that is not ours.

const mock = new LLMock({ port: 0 });
beforeAll(() => mock.start());
afterAll(() => mock.stop());
beforeEach(() => {
  mock.reset();
  mock.onMessage('say hello', { content: 'Hello from the other side.' });
  mock.onMessage('use the tool', { toolCalls: [{ name: 'read', arguments: '{"path":"a.txt"}', id: 'call_9' }] });
  mock.prependFixture({
    match: { predicate: (request) => request.messages.at(-1)?.role === 'tool' },
    response: { content: 'The file says hi.' },
  });
});

const readTool = {
  name: 'read',
  description: 'Reads a file.',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
};

const requestOf = (provider: ModelProvider, changes: Partial<TurnRequest>): TurnRequest => ({
  model: {
    id: 'default',
    provider,
    model: provider === 'anthropic' ? 'claude-sonnet-4-5' : 'gpt-4.1-mini',
    baseUrl: `${mock.url}/v1`,
    secretName: 'KEY',
    parameters: {},
  },
  system: 'Be brief.',
  messages: [],
  tools: [],
  ...changes,
});

const router = createModelRouter({ clock: new FakeClock() });
const turn = (request: TurnRequest, heard: string[] = []) =>
  router.turn(
    { readSecret: () => Promise.resolve('test-key'), ...request },
    (text) => heard.push(text),
    new AbortController().signal,
  );

describe.each(['openai', 'openai-compatible', 'anthropic'] as const)('%s', (provider) => {
  test('a text turn is streamed, counted and finished', async () => {
    const heard: string[] = [];
    const result = await turn(requestOf(provider, { messages: [{ role: 'user', text: 'say hello' }] }), heard);
    expect(result).toMatchObject({ text: 'Hello from the other side.', toolCalls: [], finishReason: 'stop' });
    expect(heard.join('')).toBe(result.text);
    expect(heard.length).toBeGreaterThan(1);
    expect(result.usage.inputTokens).toBeGreaterThan(0);
    expect(result.usage.outputTokens).toBeGreaterThan(0);
  });

  test('a tool call comes back with its id and input, and is not executed', async () => {
    const result = await turn(
      requestOf(provider, { messages: [{ role: 'user', text: 'use the tool' }], tools: [readTool] }),
    );
    expect(result).toMatchObject({
      finishReason: 'tool_calls',
      toolCalls: [{ callId: 'call_9', tool: 'read', input: { path: 'a.txt' } }],
    });
  });

  test('a transcript with a tool result, an error result and malformed input goes back to the provider', async () => {
    const result = await turn(
      requestOf(provider, {
        tools: [readTool],
        messages: [
          { role: 'user', text: 'use the tool' },
          {
            role: 'assistant',
            text: '',
            toolCalls: [
              { callId: 'call_9', tool: 'read', input: { path: 'a.txt' } },
              { callId: 'call_10', tool: 'read', input: '{"path": ' },
            ],
          },
          {
            role: 'tool',
            results: [
              { callId: 'call_9', tool: 'read', output: { text: 'hi' }, isError: false },
              { callId: 'call_10', tool: 'read', output: { error: 'invalid_argument' }, isError: true },
            ],
          },
        ],
      }),
    );
    expect(result.text).toBe('The file says hi.');
    const sent = JSON.stringify(mock.getLastRequest());
    expect(sent).toContain('call_9');
    expect(sent).toContain('invalid_argument');
    expect(sent).toContain('Be brief.');
  });

  test('an injected 429 is resource_exhausted and the next turn works', async () => {
    mock.nextRequestError(429, { message: 'Rate limited', type: 'rate_limit_error' });
    const request = requestOf(provider, { messages: [{ role: 'user', text: 'say hello' }] });
    await expect(turn(request)).rejects.toMatchObject({ code: 'resource_exhausted', details: { status: 429 } });
    expect((await turn(request)).text).toBe('Hello from the other side.');
  });

  test.each([
    ['a 500', { dropRate: 1 }],
    ['malformed JSON', { malformedRate: 1 }],
    ['a cut stream', { disconnectRate: 1 }],
  ])('%s is unavailable', async (_name, chaos) => {
    mock.setChaos(chaos);
    const request = requestOf(provider, { messages: [{ role: 'user', text: 'say hello' }] });
    await expect(turn(request)).rejects.toMatchObject({ code: 'unavailable' });
    mock.clearChaos();
  });

  test('a stream that stops after some chunks is unavailable', async () => {
    mock.onMessage(
      'a long story',
      { content: 'Once upon a time there was a goose. '.repeat(20) },
      { truncateAfterChunks: 3 },
    );
    const request = requestOf(provider, { messages: [{ role: 'user', text: 'a long story' }] });
    await expect(turn(request)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
