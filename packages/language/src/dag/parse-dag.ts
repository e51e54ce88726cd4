import { type Dag, err, ok, type Problem, type Result } from '@skein/domain';
import { sortProblems } from '../problem/render-problems.ts';
import { readDag } from './read-dag.ts';

/** A valid DAG file, as values. */
export interface ParsedDag {
  readonly dag: Dag;
  /** The agents that its steps ask for, each with its place in the file. */
  readonly agents: readonly {
    readonly agent: string;
    readonly stepId: string;
    readonly line: number;
    readonly column: number;
  }[];
}

/**
 * The text of a DAG file to its value. `file` names it in problems and, without `name`, the DAG.
 * All problems of the file come at once, in the order of the file. Never throws, whatever the text.
 */
export const parseDag = (text: string, file: string): Result<ParsedDag, readonly Problem[]> => {
  const { dag, agents, problems, source } = readDag(text.startsWith('\uFEFF') ? text.slice(1) : text, file);
  if (dag === undefined) return err(sortProblems(problems));
  const located = agents.map(({ agent, stepId, spot }) => {
    const { line, col } = source.lines.linePos(spot.start);
    return { agent, stepId, line, column: col };
  });
  return ok({ dag, agents: located });
};
