import { canonicalJson, DomainError, type JsonSchema, type JsonValue, type McpServer } from '@skein/domain';
import type { ToolDefinition } from '@skein/ports';
import { isDeeperThan } from './message-gate.ts';
import { cleanLine, cleanProse } from './server-text.ts';

/** Most tools of one server, and bounds of each. */
const maxTools = 256;
const maxNameLength = 128;
const maxDescriptionLength = 4_096;
const maxSchemaLength = 32 * 1024;
const maxAllSchemasLength = 512 * 1024;
const maxSchemaDepth = 24;

/**
 * What of a server's list is offered: objects with an object schema, within bounds, that the definition allows, each name once.
 * The rest is left out with a line of the log. Throws `unavailable` when a pinned tool is missing or has another schema.
 */
export const offeredTools = (
  listed: readonly unknown[],
  server: McpServer,
  log: (line: string) => void,
): readonly ToolDefinition[] => {
  const offered = new Map<string, ToolDefinition>();
  let schemasLength = 0;
  const leaveOut = (name: string, reason: string) => log(`tool ${name} is left out: ${reason}`);
  for (const each of listed) {
    const tool = readTool(each);
    if (typeof tool === 'string') {
      leaveOut(shownName(each), tool);
      continue;
    }
    if (!isWanted(tool.name, server)) continue;
    schemasLength += canonicalJson(tool.inputSchema).length;
    if (offered.has(tool.name)) leaveOut(cleanLine(tool.name), 'the server lists it twice');
    else if (offered.size >= maxTools) leaveOut(cleanLine(tool.name), `there are more than ${maxTools}`);
    else if (schemasLength > maxAllSchemasLength) leaveOut(cleanLine(tool.name), 'the schemas are too large together');
    else offered.set(tool.name, tool);
  }
  if (server.pinned !== undefined) return server.pinned.map((pinned) => checkPinned(pinned, offered.get(pinned.name)));
  for (const name of server.allow ?? [])
    if (!offered.has(name)) log(`tool ${cleanLine(name)} is not offered by the server`);
  return [...offered.values()].map((tool) => ({ ...tool, inputSchema: cleanSchema(tool.inputSchema) }));
};

/** The tool, or why it is none. */
const readTool = (value: unknown): ToolDefinition | string => {
  if (!isObject(value)) return 'it is no object';
  const { name, description, inputSchema } = value;
  if (typeof name !== 'string' || name === '' || name.length > maxNameLength || cleanLine(name) !== name) {
    return `its name is no text of 1 to ${maxNameLength} characters`;
  }
  if (!isObject(inputSchema) || inputSchema['type'] !== 'object') return 'its schema is not that of an object';
  if (isDeeperThan(inputSchema, maxSchemaDepth)) return `its schema is nested deeper than ${maxSchemaDepth} levels`;
  const canonical = canonicalOf(inputSchema as JsonSchema);
  if (canonical === undefined) return 'its schema has no canonical form';
  if (canonical.length > maxSchemaLength) return `its schema is longer than ${maxSchemaLength} characters`;
  const told = typeof description === 'string' ? cleanProse(description, maxDescriptionLength) : '';
  return { name, description: told, inputSchema: JSON.parse(canonical) as JsonSchema };
};

const canonicalOf = (value: JsonValue): string | undefined => {
  try {
    return canonicalJson(value);
  } catch {
    return undefined;
  }
};

const isWanted = (name: string, { allow, pinned }: McpServer): boolean =>
  (allow === undefined || allow.includes(name)) && (pinned === undefined || pinned.some((tool) => tool.name === name));

const checkPinned = (pinned: ToolDefinition, offered: ToolDefinition | undefined): ToolDefinition => {
  const name = JSON.stringify(cleanLine(pinned.name));
  if (offered === undefined) throw new DomainError('unavailable', `the server does not offer the pinned tool ${name}`);
  if (canonicalJson(offered.inputSchema) !== canonicalJson(pinned.inputSchema)) {
    throw new DomainError('unavailable', `the server offers the tool ${name} with another schema than the pinned one`);
  }
  return pinned;
};

/** The prose inside a schema is a server's text too. */
const cleanSchema = (schema: JsonSchema): JsonSchema => cleanValue(schema) as JsonSchema;

const cleanValue = (value: JsonValue, key = ''): JsonValue => {
  if (typeof value === 'string') return key === 'description' || key === 'title' ? cleanProse(value, 1_024) : value;
  if (Array.isArray(value)) return value.map((each) => cleanValue(each));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cleanValue(each as JsonValue, name)]));
};

const shownName = (value: unknown): string => {
  const name = isObject(value) ? value['name'] : undefined;
  return typeof name === 'string' ? cleanLine(name) : 'without a name';
};

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
