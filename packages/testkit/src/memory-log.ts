import type { Log } from '@skein/ports';

/** One line that was logged. */
export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: { readonly [key: string]: unknown };
}

/** A log that keeps its lines for the test to read; children write to the same list. */
export const createMemoryLog = (
  lines: LoggedLine[] = [],
  inherited: { readonly [key: string]: unknown } = {},
): Log & { readonly lines: readonly LoggedLine[] } => {
  const write =
    (level: LoggedLine['level']): Log['info'] =>
    (message, fields) => {
      lines.push({ level, message, fields: { ...inherited, ...fields } });
    };
  return {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => createMemoryLog(lines, { ...inherited, ...fields }),
  };
};
