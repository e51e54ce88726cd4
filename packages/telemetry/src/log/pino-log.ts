import type { Log } from '@skein/ports';
import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino';
import { formatLine } from './format-line.ts';

/** Least severe lines that are written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Options of `createPinoLog`. */
export interface PinoLogOptions {
  readonly level?: LogLevel;
  /** Fields of every line, for example `{ app: 'coordinator' }`. */
  readonly fields?: { readonly [key: string]: unknown };
  /** One readable line instead of JSON; default: when stderr is a terminal. */
  readonly pretty?: boolean;
  /** Takes each finished line; default: stderr. */
  readonly write?: (line: string) => void;
}

/** Keys whose values never reach a log line (S3), at the top or up to two objects deep. */
const secretKeys = [
  'token',
  'authorization',
  'password',
  'secret',
  'apiKey',
  'api_key',
  'credentials',
  'cookie',
  'joinToken',
  'adminToken',
];

const redactedPaths = secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** The `Log` port on pino: JSON lines on stderr, or one readable line each on a terminal; secrets are replaced by `[redacted]`. */
export const createPinoLog = (options: PinoLogOptions = {}): Log => {
  const pretty = options.pretty ?? (options.write === undefined && process.stderr.isTTY === true);
  const raw: DestinationStream =
    options.write === undefined ? destination({ fd: 2, sync: true }) : { write: options.write };
  const stream: DestinationStream = pretty ? { write: (line) => raw.write(formatLine(line)) } : raw;
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { pid: process.pid, ...options.fields },
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      messageKey: 'message',
      formatters: { level: (level) => ({ level }) },
      serializers: { error: stdSerializers.err, cause: stdSerializers.err },
      redact: { paths: redactedPaths, censor: '[redacted]' },
    },
    stream,
  );
  return wrap(logger);
};

const wrap = (logger: Logger): Log => ({
  debug: (message, fields) => logger.debug(fields ?? {}, message),
  info: (message, fields) => logger.info(fields ?? {}, message),
  warn: (message, fields) => logger.warn(fields ?? {}, message),
  error: (message, fields) => logger.error(fields ?? {}, message),
  child: (fields) => wrap(logger.child(fields)),
});
