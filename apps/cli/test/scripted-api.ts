import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runCommand } from './capture.ts';

/** One request that the API got. */
export interface Asked {
  readonly call: string;
  readonly body: unknown;
}

/** An answer: a value with 200, or a problem, or (as `events`) a stream of server-sent events. */
export type Answer = object | ((asked: Asked) => object);

/** A problem answer. */
export const problem = (status: number, code: string, detail: string, details: object = {}): object => ({
  problem: { status, code, detail, details },
});

/**
 * An API that knows the calls in `answers`, by `METHOD /path?query`; `/path` alone answers any query. Any other call is `not_found`.
 * Several answers for one call are given one after the other; the last one repeats.
 */
export const scriptedApi = async (answers: { readonly [call: string]: Answer | readonly Answer[] }) => {
  const asked: Asked[] = [];
  const turns = new Map<string, number>();
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      const call = `${request.method} ${request.url}`;
      const entry = { call, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
      asked.push(entry);
      const key = call in answers ? call : (call.split('?')[0] ?? '');
      const all = [answers[key] ?? problem(404, 'not_found', 'there is nothing here')].flat() as Answer[];
      const turn = turns.get(key) ?? 0;
      turns.set(key, turn + 1);
      const given = all[Math.min(turn, all.length - 1)] as Answer;
      const value = typeof given === 'function' ? (given as (asked: Asked) => object)(entry) : given;
      const { problem: failed, events } = value as { problem?: { status: number }; events?: readonly object[] };
      if (events !== undefined) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(events.map((event, at) => `id: x.${at}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
        return;
      }
      response.writeHead(failed?.status ?? 200, { 'content-type': 'application/json' });
      const { text: plain } = value as { text?: string };
      response.end(request.url?.includes('/log') && plain !== undefined ? plain : JSON.stringify(failed ?? value));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { SKEIN_URL: url, SKEIN_TOKEN: 'tok' };
  return {
    url,
    asked,
    skein: (...args: string[]) => runCommand(args, { env }),
    /** The same on a terminal. */
    terminalSkein: (...args: string[]) => runCommand(args, { env, terminal: true }),
    /** The same, until `interrupt`, which is Ctrl-C. */
    interruptedSkein: (interrupt: AbortSignal, ...args: string[]) => runCommand(args, { env, interrupt }),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
