import type { JsonValue } from '../json/json-value.ts';

/**
 * Recorded tool calls that a replay or a shadow run answers from instead of calling, as JSON in the blob store. `strict`: a call that is not
 * recorded is an error that the model sees; `live`: read-only calls and those of files that are not recorded are made, in the attempt's own
 * private directory; calls with effects beyond it are never made. What needs nothing but the agent version itself (`think`, `load_skill`,
 * `remember`, `delegate`) is done in both modes, and is not recorded here.
 */
export interface Playback {
  readonly format: 1;
  readonly mode: 'strict' | 'live';
  /** In the order in which they were made. `input` is canonical JSON. */
  readonly calls: readonly {
    readonly tool: string;
    readonly input: string;
    readonly output: JsonValue;
    readonly isError: boolean;
  }[];
}

/** Largest JSON of a playback, in bytes. */
export const maxPlaybackBytes = 8 * 1024 * 1024;

/** Tools whose calls are never part of a playback: the version that is tried answers them itself. */
export const unrecordedTools: readonly string[] = ['think', 'load_skill', 'remember', 'delegate', 'reply', 'output'];

const isCall = (value: JsonValue): boolean => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const { tool, input, output, isError } = value;
  return typeof tool === 'string' && typeof input === 'string' && output !== undefined && typeof isError === 'boolean';
};

/** The playback of a document; undefined when it is none. */
export const parsePlayback = (document: JsonValue): Playback | undefined => {
  if (document === null || typeof document !== 'object' || Array.isArray(document)) return undefined;
  const { format, mode, calls } = document;
  if (format !== 1 || (mode !== 'strict' && mode !== 'live') || !Array.isArray(calls)) return undefined;
  return calls.every(isCall) ? (document as unknown as Playback) : undefined;
};
