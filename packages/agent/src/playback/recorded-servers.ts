import { DomainError, type McpServer, type ToolsContent } from '@skein/domain';
import type { ToolDefinition } from '@skein/ports';
import {
  factsOf,
  offeredName,
  openServerTools,
  type ServerTools,
  type ServerToolsDeps,
} from '../tools/server-tools.ts';
import type { Player } from './player.ts';

/** A tool as the model sees it, and the server that it belongs to. */
interface Route {
  readonly server: string;
  readonly definition: ToolDefinition;
}

const describe = 'Recorded: only calls that the recorded run made are answered.';

const toolsOf = (name: string, { pinned }: McpServer, player: Player): readonly ToolDefinition[] =>
  pinned === undefined
    ? player.tools
        .filter((tool) => tool.startsWith(offeredName(name, '')))
        .map((tool) => ({ name: tool, description: describe, inputSchema: { type: 'object' } }))
    : pinned.map((tool) => ({ ...tool, name: offeredName(name, tool.name) }));

/**
 * The tools of servers that do not run: those that the version pins, else those of the record. A server is started, with its secrets, only
 * when one of its calls is really made.
 */
export const openRecordedServers = (
  deps: ServerToolsDeps,
  agentId: string,
  servers: ToolsContent['servers'],
  player: Player,
  attemptSignal: AbortSignal,
): ServerTools => {
  const routes = new Map<string, Route>();
  const names = Object.keys(servers).toSorted();
  for (const server of names) {
    for (const definition of toolsOf(server, servers[server] as McpServer, player)) {
      if (!routes.has(definition.name)) routes.set(definition.name, { server, definition });
    }
  }
  const opened = new Map<string, Promise<ServerTools>>();
  return {
    definitions: [...routes.values()].map(({ definition }) => definition),
    facts: factsOf(names.map((name) => ({ name }))),
    has: (tool) => routes.has(tool),
    call: async (tool, input, signal, idempotencyKey, traceparent) => {
      const route = routes.get(tool);
      if (route === undefined) throw new DomainError('not_found', `there is no tool ${JSON.stringify(tool)}`);
      const { server } = route;
      const opening =
        opened.get(server) ?? openServerTools(deps, agentId, { [server]: servers[server] as McpServer }, attemptSignal);
      opened.set(server, opening);
      return (await opening).call(tool, input, signal, idempotencyKey, traceparent);
    },
    close: async () => {
      await Promise.all(
        [...opened.values()].map((opening) =>
          opening.then(
            (tools) => tools.close(),
            () => {},
          ),
        ),
      );
    },
  };
};
