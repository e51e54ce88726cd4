import { DomainError, isDomainError, type JsonObject } from '@skein/domain';
import type { Context } from 'hono';
import { parseJson } from '../body/parse-json.ts';
import type { ApiEnv } from './api.ts';

/** Longest routing context, in bytes of its JSON, however it is sent. */
export const maxRoutingContextBytes = 16 * 1024;

/** Longest header `Skein-Routing-Context`, and longest id in a header, in characters. */
const maxHeaderChars = 4_096;
const maxIdChars = 1_024;

const jsonHeader = 'Skein-Routing-Context';
const idHeaders = [
  ['Skein-Resource-Id', 'resourceId'],
  ['Skein-Thread-Id', 'threadId'],
] as const;

/**
 * What a rollout chooses by: the headers `Skein-Routing-Context` (a JSON object), `Skein-Resource-Id` and `Skein-Thread-Id` under the fields of
 * the body. An empty header is none. Throws `invalid_argument` for a header that is not usable, is there twice or contradicts another one, and
 * `too_large`.
 */
export const readRoutingContext = (
  context: Context<ApiEnv>,
  inBody: JsonObject | undefined,
): JsonObject | undefined => {
  const merged: { [field: string]: JsonObject[string] } = readObject(context);
  for (const [name, field] of idHeaders) {
    const id = readHeader(context, name, maxIdChars);
    if (id === undefined) continue;
    if (Object.hasOwn(merged, field) && merged[field] !== id) {
      throw refused(name, `differs from ${field} in the header ${jsonHeader}`);
    }
    merged[field] = id;
  }
  if (inBody === undefined && Object.keys(merged).length === 0) return undefined;
  const whole = { ...merged, ...inBody };
  const actual = Buffer.byteLength(JSON.stringify(whole));
  if (actual > maxRoutingContextBytes) {
    const limit = maxRoutingContextBytes;
    throw new DomainError('too_large', `the routing context is larger than ${limit} bytes`, { limit, actual });
  }
  return whole;
};

const readObject = (context: Context<ApiEnv>): { [field: string]: JsonObject[string] } => {
  const text = readHeader(context, jsonHeader, maxHeaderChars);
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    if (!isDomainError(error)) throw error;
    throw refused(jsonHeader, saidOfHeader(error.message));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused(jsonHeader, 'must be a JSON object');
  }
  return { ...value };
};

/** What the parser says of a body, said of the header. */
const saidOfHeader = (message: string): string =>
  message.startsWith('the body ')
    ? message.slice('the body '.length)
    : `is not usable: ${message.replace(/ (?:of the|in a) body$/, '')}`;

const readHeader = (context: Context<ApiEnv>, name: string, maxChars: number): string | undefined => {
  if (timesSent(context, name) > 1) throw refused(name, 'is there more than once');
  const text = context.req.header(name.toLowerCase());
  if (text === undefined || text === '') return undefined;
  if (text.length > maxChars) throw refused(name, `is longer than ${maxChars} characters`);
  if (!/^[\x20-\x7e]+$/.test(text)) {
    throw refused(
      name,
      'must be printable ASCII; send other text in routingContext of the body, or as \\u escapes in JSON',
    );
  }
  return text;
};

/** Node joins repeated headers with commas, which an id may hold too, so they are counted as they came. */
const timesSent = (context: Context<ApiEnv>, name: string): number => {
  const raw = context.env?.incoming?.rawHeaders ?? [];
  return raw.filter((text, at) => at % 2 === 0 && text.toLowerCase() === name.toLowerCase()).length;
};

const refused = (header: string, message: string): DomainError =>
  new DomainError('invalid_argument', `the header ${header} ${message}`, { problems: [{ message, field: header }] });
