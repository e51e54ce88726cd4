import type { McpServer, PinnedTool } from '@skein/domain';
import { findSchemaProblem } from '../dag/find-schema-problem.ts';
import type { SourceText } from '../problem/source-text.ts';
import { list, mapOf } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { integer, jsonMap, quoted, seconds, text } from '../shape/scalars.ts';
import { mapped, type Shape } from '../shape/shape.ts';
import { checkValues, httpOf, keySpot, stdioOf } from './mcp-transport.ts';

/** MCP servers of an agent by name. */
export type McpServers = { readonly [name: string]: McpServer };

const maxServers = 32;
const toolName: Shape<string> = mapped(text('the name of a tool'), (name, node, source) => {
  if (/^[A-Za-z0-9_./-]{1,128}$/.test(name)) return name;
  source.report(node, { message: `${quoted(name)} is not the name of a tool`, expected: toolNameRule });
  return undefined;
});
const toolNameRule = 'at most 128 of A-Z a-z 0-9 _ . / -';

const inputSchema = mapped(jsonMap, (schema, node, source) => {
  const problem = schema['type'] === 'object' ? findSchemaProblem(schema) : 'its type must be object';
  if (problem === undefined) return schema;
  const message = `input_schema is not the JSON Schema of a tool: ${problem}`;
  source.report(node, { message, expected: 'JSON Schema, draft 2020-12, of type object' });
  return undefined;
});

const pinnedTool = record({
  noun: 'a pinned tool',
  fields: {
    description: { shape: text(), about: 'What the tool does, for the model.', required: true },
    input_schema: { shape: inputSchema, about: 'JSON Schema of its arguments.', required: true },
  },
});

const pinnedShape: Shape<readonly PinnedTool[]> = mapped(
  mapOf(pinnedTool, 'a map of tools by name'),
  (tools, node, source) =>
    tools
      .flatMap(([name, { values }]): readonly PinnedTool[] => {
        const spot = keySpot(node, name);
        if (!/^[A-Za-z0-9_./-]{1,128}$/.test(name)) {
          source.report(spot, { message: `${quoted(name)} is not the name of a tool`, expected: toolNameRule });
        }
        const { description, input_schema: schema } = values;
        return description === undefined || schema === undefined ? [] : [{ name, description, inputSchema: schema }];
      })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
);

const serverRecord = record({
  noun: 'an MCP server',
  fields: {
    command: { shape: text('a program'), about: 'Program that speaks MCP over stdio.' },
    args: { shape: list(text('an argument'), 'a list of arguments'), about: 'Arguments of the program.' },
    env: { shape: mapOf(text(), 'a map of variables'), about: 'Its environment; may hold ${secrets.NAME}.' },
    url: { shape: text('a URL'), about: 'Address of a server that speaks MCP over HTTP.' },
    headers: { shape: mapOf(text(), 'a map of headers'), about: 'Headers of each request; may hold ${secrets.NAME}.' },
    allow: {
      shape: list(toolName, 'a list of names of tools', 1),
      about: 'Its tools that are offered; all when absent.',
    },
    tools: { shape: pinnedShape, about: 'Pinned tools by name: exactly these are offered, with these schemas.' },
    start_timeout_sec: {
      shape: seconds({ above: 0, max: 600 }),
      about: 'Seconds that the start may take; 30 when absent.',
    },
    call_timeout_sec: {
      shape: seconds({ above: 0, max: 86_400 }),
      about: 'Seconds that a call may take; 60 when absent.',
    },
    max_result_bytes: {
      shape: integer({ min: 1, max: 4 * 1024 * 1024 }),
      about: 'Bytes of a result that the model sees; 65536 when absent.',
    },
  },
  later: ['transport', 'oauth', 'working_dir', 'sampling', 'resources', 'prompts'],
});

type ServerFields = NonNullable<ReturnType<typeof serverRecord.read>>;

const isThere = (fields: ServerFields, name: 'args' | 'env' | 'headers'): boolean => fields.nodes[name] !== undefined;

const refuseOthers = (fields: ServerFields, source: SourceText): void => {
  const { nodes, keys, node } = fields;
  const wrong = nodes.url === undefined ? (['headers'] as const) : (['args', 'env'] as const);
  for (const name of wrong) {
    if (!isThere(fields, name)) continue;
    const message = `${name} is not for a server with ${nodes.url === undefined ? 'command' : 'url'}`;
    source.report(keys[name] ?? node, { message, expected: nodes.url === undefined ? 'env' : 'headers' });
  }
  if (nodes.allow !== undefined && nodes.tools !== undefined) {
    const message = 'allow may not stand beside pinned tools: exactly those are offered';
    source.report(keys.allow ?? node, { message, expected: 'one of them' });
  }
};

const serverShape: Shape<McpServer> = mapped(serverRecord, (fields, node, source): McpServer | undefined => {
  const { values, nodes } = fields;
  if ((nodes.command === undefined) === (nodes.url === undefined)) {
    const message = `an MCP server needs ${nodes.url === undefined ? 'command or url' : 'one of command and url, not both'}`;
    source.report(node, { message, expected: 'command: a program, or url: an address' });
    return undefined;
  }
  refuseOthers(fields, source);
  const transport =
    nodes.url === undefined ? stdioOf(values, nodes, node, source) : httpOf(values, nodes, node, source);
  const secrets = [
    ...checkValues(values.env ?? [], nodes.env, source),
    ...checkValues(values.headers ?? [], nodes.headers, source),
  ];
  return {
    transport,
    secrets: [...new Set(secrets)].toSorted(),
    ...(values.allow === undefined ? {} : { allow: [...new Set(values.allow)].toSorted() }),
    ...(values.tools === undefined ? {} : { pinned: values.tools }),
    startTimeoutMs: values.start_timeout_sec ?? 30_000,
    callTimeoutMs: values.call_timeout_sec ?? 60_000,
    maxResultBytes: values.max_result_bytes ?? 65_536,
  };
});

/** MCP servers by name; their tools are offered as `SERVER__TOOL`. */
export const mcpShape: Shape<McpServers> = mapped(
  mapOf(serverShape, 'a map of MCP servers by name'),
  (servers, node, source) => {
    const keys = node.kind === 'map' ? node.entries.map(({ key }) => key) : [];
    for (const name of keys) {
      if (/^[a-z0-9-]{1,32}$/.test(name)) continue;
      const message = `${quoted(name)} is not the name of an MCP server`;
      source.report(keySpot(node, name), { message, expected: 'at most 32 of a-z 0-9 -' });
    }
    if (keys.length > maxServers) {
      source.report(node, { message: 'too many MCP servers', expected: `at most ${maxServers}`, code: 'too_large' });
    }
    return Object.fromEntries(servers);
  },
);
