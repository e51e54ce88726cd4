import type { Problem } from '../errors/domain-error.ts';
import { suggest } from '../text/suggest.ts';

/** Where in the `Dag` value: `['steps', 2, 'depends', 0]`. */
export type DagPath = readonly (string | number)[];

/** A problem of a DAG with its place in the `Dag` value, from which the language finds file, line and column. */
export interface DagProblem extends Problem {
  readonly path: DagPath;
}

/** What a name of a DAG, an agent, a step or a parameter looks like. */
export const expectedName = 'a letter or digit, then up to 63 letters, digits, "_", "." or "-"';

/** A problem about a word that is not known, with the near miss if there is one. */
export const unknownWord = (path: DagPath, message: string, word: string, known: Iterable<string>): DagProblem => {
  const suggestion = suggest(word, known);
  return suggestion === undefined
    ? { path, message }
    : { path, message: `${message}; did you mean "${suggestion}"?`, suggestion };
};
