import type { StepId } from '../identity/ids.ts';

/** What a reference points at. `invalid` has the form of a reference but names nothing; `reason` is for the author. */
export type ReferenceTarget =
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'env'; readonly name: string }
  | {
      readonly kind: 'step_output';
      readonly stepId: StepId;
      readonly name: string;
      /** Keys or array positions inside the output; empty for all of it. */
      readonly path: readonly string[];
    }
  | { readonly kind: 'step_stdout'; readonly stepId: StepId }
  | { readonly kind: 'step_exit_code'; readonly stepId: StepId }
  | { readonly kind: 'run'; readonly field: string }
  | { readonly kind: 'item'; readonly path: readonly string[] }
  | { readonly kind: 'invalid'; readonly reason: string };

/** One `${…}` reference in a text; `start` and `end` are UTF-16 positions, `end` exclusive. */
export interface Reference {
  /** The text between the braces, without `@file`; the key of its value in a task offer. */
  readonly expression: string;
  readonly start: number;
  readonly end: number;
  readonly target: ReferenceTarget;
  /** The value is wanted as the path of a file that holds it. */
  readonly asFile: boolean;
}

/** Fields that `${run.…}` may name everywhere: the run, and what the last push-back said of which round. */
export const runFields: readonly string[] = ['id', 'feedback', 'round'];

/** Fields that `${run.…}` may name in handlers only: how the run ends, and why it failed. */
export const handlerRunFields: readonly string[] = ['status', 'error'];
