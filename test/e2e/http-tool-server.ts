import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

interface RpcMessage {
  readonly id?: number;
  readonly method: string;
  readonly params?: {
    readonly protocolVersion?: string;
    readonly name?: string;
    readonly arguments?: { readonly text?: string };
  };
}

/** An MCP server over HTTP with the tools `shout`, `hang` (never answers) and `flood` (never stops). */
export class HttpToolServer {
  readonly headers: IncomingHttpHeaders[] = [];
  readonly #server = createServer((request, response) => {
    this.headers.push(request.headers);
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      if (request.method !== 'POST') return void response.writeHead(405).end();
      const { id, method, params = {} } = JSON.parse(text) as RpcMessage;
      if (id === undefined) return void response.writeHead(202).end();
      if (params.name === 'hang') return;
      response.writeHead(200, { 'content-type': 'application/json' });
      if (params.name === 'flood') {
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
          if (!response.destroyed) response.once('drain', more);
        };
        return more();
      }
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: resultOf(method, params) }));
    });
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const inputSchema = { type: 'object', properties: { text: { type: 'string' } } };

const resultOf = (method: string, params: NonNullable<RpcMessage['params']>): object => {
  if (method === 'initialize') {
    const serverInfo = { name: 'shouter', version: '1' };
    return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo };
  }
  if (method === 'tools/list') {
    const names = ['shout', 'hang', 'flood'];
    return { tools: names.map((name) => ({ name, description: `The tool ${name}.`, inputSchema })) };
  }
  return { content: [{ type: 'text', text: params.arguments?.text?.toUpperCase() ?? '' }] };
};
