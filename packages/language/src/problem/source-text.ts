import type { Problem } from '@skein/domain';
import { LineCounter } from 'yaml';

/** A place in a text, as offsets in UTF-16 units; `path` names the field there, for example `steps[2].depends`. */
export interface Spot {
  readonly start: number;
  readonly end: number;
  readonly path: string;
}

/** What is wrong at a spot. */
export type Finding = Pick<Problem, 'message' | 'expected' | 'suggestion' | 'code'>;

/** One file that is being read: its text and what was found wrong with it so far. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Two findings with one message at one place count as one. Past `maxProblems` they are dropped. */
  report(spot: Spot, finding: Finding): void;
  warn(spot: Spot, finding: Finding): void;
  /** Where a spot is, as problems say it. */
  placeOf(spot: Spot): Pick<Problem, 'file' | 'line' | 'column' | 'field'>;
  /** True if a problem starts at the same place. */
  hasProblemAt(spot: Spot): boolean;
}

/** More problems than this in one file help nobody. */
export const maxProblems = 200;

/** The beginning of a file. */
export const topOfFile: Spot = { start: 0, end: 0, path: '' };

/** Turns findings at offsets into problems with file, line and column. */
export const createSourceText = (file: string, text: string): SourceText => {
  const lines = linesOf(text);
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const seen = new Set<string>();
  const starts = new Set<number>();
  const placeOf: SourceText['placeOf'] = (spot) => {
    const { line, col } = lines.linePos(spot.start);
    const field = spot.path === '' ? {} : { field: spot.path };
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), ...field };
  };
  const add = (list: Problem[], spot: Spot, finding: Finding): void => {
    const key = `${spot.start} ${finding.message}`;
    if (seen.has(key) || list.length >= maxProblems) return;
    seen.add(key);
    list.push({ ...finding, ...placeOf(spot) });
  };
  return {
    file,
    text,
    lines,
    problems,
    warnings,
    report: (spot, finding) => {
      add(problems, spot, finding);
      starts.add(spot.start);
    },
    warn: (spot, finding) => add(warnings, spot, finding),
    placeOf,
    hasProblemAt: (spot) => starts.has(spot.start),
  };
};

const linesOf = (text: string): LineCounter => {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  return lines;
};
