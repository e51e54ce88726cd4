import picocolors from 'picocolors';
import type { CliConfig } from '../config.ts';

/** Colours, or none. */
export type Colors = ReturnType<typeof picocolors.createColors>;

/** What commands work with: where they write, and how they end. */
export interface Cli {
  readonly config: CliConfig;
  readonly cwd: string;
  readonly colors: Colors;
  /** Live progress is welcome: stdout is a terminal. */
  readonly live: boolean;
  /** Somebody looks at stdout, so nothing may steer what shows it. */
  readonly terminal: boolean;
  /** Columns and rows of the terminal, as they are now. */
  size(): { readonly columns: number; readonly rows: number };
  /** `--json` was given: errors are written as JSON too. */
  json: boolean;
  /** One line, or several, of the answer. */
  out(text: string): void;
  /** One line, or several, beside the answer: notes and errors. */
  note(text: string): void;
  /** Text as it is, without a line break. */
  write(bytes: Uint8Array | string): void;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** There are processes to be stopped before this one may end. */
  hasProcesses: boolean;
  /** What the process ends with; 0 until a command says otherwise. */
  exitCode: number;
}

/** Options of `createCli`; streams are `process.stdout` and `process.stderr` outside tests. */
export interface CliOptions {
  readonly config: CliConfig;
  readonly cwd: string;
  readonly interactive: boolean;
  readonly stdout: {
    readonly isTTY?: boolean;
    readonly columns?: number;
    readonly rows?: number;
    write(chunk: string | Uint8Array): unknown;
  };
  readonly stderr: { write(chunk: string): unknown };
  readonly signal: AbortSignal;
}

/** The command line's surroundings as one value. */
export const createCli = (options: CliOptions): Cli => ({
  config: options.config,
  cwd: options.cwd,
  colors: picocolors.createColors(!options.config.plain),
  json: false,
  terminal: options.stdout.isTTY === true,
  size: () => ({ columns: options.stdout.columns ?? 80, rows: options.stdout.rows ?? 24 }),
  live: options.interactive && options.config.env['TERM'] !== 'dumb',
  out: (text) => void options.stdout.write(`${text}\n`),
  note: (text) => void options.stderr.write(`${text}\n`),
  write: (bytes) => void options.stdout.write(bytes),
  signal: options.signal,
  hasProcesses: false,
  exitCode: 0,
});

/** Narrowest terminal, in columns, on which live output is readable. */
const leastColumns = 40;

/** True for a terminal that is wide enough to redraw lines on; some pretend terminals have no width at all. */
export const isInteractive = (stream: { readonly isTTY?: boolean; readonly columns?: number }): boolean =>
  stream.isTTY === true && (stream.columns ?? 0) >= leastColumns;

/** Prints a value as JSON when `json` was asked for, else what `human` says. */
export const answer = (cli: Cli, json: boolean | undefined, value: unknown, human: () => string): void => {
  cli.out(json === true ? safeJson(value, 2) : human());
};

/** Prints a value as JSON on one line: one of many. */
export const answerLine = (cli: Cli, value: unknown): void => cli.out(safeJson(value));

/** JSON in which characters that could steer a terminal are written as escapes; a parser reads the same value. */
export const safeJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replaceAll(
    /[^\P{Cc}\n]|\p{Bidi_Control}/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
