import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message of the chat completions protocol, as far as the tests read it. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly { readonly function: { readonly name: string } }[];
}

/** One request that the server got. */
export interface ChatRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: {
    readonly model: string;
    readonly messages: readonly ChatMessage[];
    readonly tools?: readonly { readonly function: { readonly name: string } }[];
  };
  /** Pid of the process at the other end, by its socket; undefined where that cannot be told. */
  readonly port: number;
}

/** What the model says: one tool call. */
export interface ToolCall {
  readonly name: string;
  readonly input: unknown;
}

type Script = (request: ChatRequest) => ToolCall | readonly ToolCall[];

/** How often the model has spoken before in the conversation of a request. */
export const turnOf = ({ body }: ChatRequest): number =>
  body.messages.filter(({ role }) => role === 'assistant').length;

/** The text of the first message of a role; empty when there is none. */
export const textOf = ({ body }: ChatRequest, role: 'system' | 'user'): string =>
  asText(body.messages.find((message) => message.role === role)?.content);

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''));

/** A server that speaks OpenAI's chat completions, streamed, and answers with whatever the script says. */
export class FakeOpenAi {
  readonly requests: ChatRequest[] = [];
  readonly #server;

  /** The script says one call, or several that the model wants at once. */
  constructor(script: Script) {
    this.#server = createServer((request, response) => void this.#serve(request, response, script));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse, script: Script): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const got: ChatRequest = {
      url: request.url ?? '',
      headers: request.headers,
      text,
      body: JSON.parse(text),
      port: request.socket.remotePort ?? 0,
    };
    this.requests.push(got);
    let said: readonly ToolCall[];
    try {
      said = [script(got)].flat();
    } catch (error) {
      // A script that does not know what to say fails the turn, and so the test, at once.
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: String(error), type: 'invalid_request_error' } }));
      return;
    }
    const calls = said.map(({ name, input }, index) => ({
      index,
      id: `call_${this.requests.length}_${index}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }));
    const chunk = (rest: object): string =>
      `data: ${JSON.stringify({ id: 'chat_1', object: 'chat.completion.chunk', created: 1, model: got.body.model, ...rest })}\n\n`;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk({ choices: [{ index: 0, delta: { role: 'assistant', tool_calls: calls } }] }));
    response.write(chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }));
    response.write(chunk({ choices: [], usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 } }));
    response.end('data: [DONE]\n\n');
  }
}
