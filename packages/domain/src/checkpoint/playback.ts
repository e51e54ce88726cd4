import type { JsonValue } from '../json/json-value.ts';

/**
 * Recorded tool calls that a replay or a shadow run answers from instead of calling, as JSON in the blob store. `strict`: a call that is not
 * recorded is an error that the model sees; `live`: read-only and built-in calls that are not recorded are made in the attempt's own private
 * directory; calls with effects beyond it are never made.
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
