import { DomainError, type McpServer } from '@skein/domain';
import type { ToolServerContext, ToolServers } from '@skein/ports';
import { type ProcessGroups, unwatchedGroups } from '../process/process-groups.ts';
import { fillSecrets } from './fill-secrets.ts';
import type { ResolveName } from './guarded-request.ts';
import { cleanLine } from './server-text.ts';
import type { ServerTransport } from './server-transport.ts';

/** What MCP servers are started with. */
export interface ToolServersDeps {
  /** `PATH` of stdio servers; of the worker's environment nothing else reaches them (S3). */
  readonly path: string;
  /** `SKEIN_LAUNCH` of the worker; see `NodeToolHostDeps`. */
  readonly launchMarker?: string;
  /** Told of every process group of a stdio server. */
  readonly groups?: ProcessGroups;
  /** How names of HTTP servers are resolved; the system's way unless a test says otherwise. */
  readonly resolve?: ResolveName;
}

/** Most lines of one server in the step's log. */
const maxLogLines = 200;
/** What of a line is searched for secrets; much more than is shown of it. */
const maxReadLength = 64 * 1024;

/** MCP servers over stdio and streamable HTTP. The protocol's library is loaded with the first server, not with the worker. */
export const createToolServers = (deps: ToolServersDeps): ToolServers => {
  let opened = 0;
  return {
    open: async (name, server, context, signal) => {
      const { connectServer } = await import('./connect-server.ts');
      opened += 1;
      const log = boundedLog(context);
      const transport = await makeTransport(deps, `${opened}`, server, { ...context, log });
      return connectServer(name, server, transport, { log, redact: context.redact }, signal);
    },
  };
};

const makeTransport = async (
  deps: ToolServersDeps,
  unique: string,
  { transport, secrets }: McpServer,
  { root, readSecret, log }: ToolServerContext,
): Promise<ServerTransport> => {
  if (transport.kind === 'http') {
    const { HttpTransport } = await import('./http-transport.ts');
    const headers = await fillSecrets(transport.headers, secrets, readSecret);
    const resolve = deps.resolve === undefined ? {} : { resolve: deps.resolve };
    return new HttpTransport({ url: transport.url, headers, log, ...resolve });
  }
  if (transport.kind !== 'stdio') throw new DomainError('unavailable', 'the server has a transport that is not known');
  const { StdioTransport } = await import('./stdio-transport.ts');
  const declared = await fillSecrets(transport.env, secrets, readSecret);
  // Not the mark of bash commands: the end of a command kills what carries its mark.
  const id = `${root}:${unique}`;
  const env = {
    PATH: deps.path,
    HOME: root,
    TMPDIR: root,
    LANG: 'C.UTF-8',
    ...declared,
    SKEIN_TASK: 'tool-server',
    SKEIN_TOOL_SERVER: id,
    ...(deps.launchMarker === undefined ? {} : { SKEIN_LAUNCH: deps.launchMarker }),
  };
  const { command, args } = transport;
  const groups = deps.groups ?? unwatchedGroups;
  return new StdioTransport({ command, args, cwd: root, env, marker: `SKEIN_TOOL_SERVER=${id}`, groups, log });
};

/** A server may not fill the log either. */
const boundedLog = ({ log, redact }: ToolServerContext): ((line: string) => void) => {
  let lines = 0;
  return (line) => {
    lines += 1;
    if (lines < maxLogLines) log(cleanLine(redact(line.slice(0, maxReadLength)) as string, 500));
    if (lines === maxLogLines) log('more lines are not shown');
  };
};
