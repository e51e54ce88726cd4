import { round3 } from './measure.ts';

/** One figure beside its anchor, measured in the same run. */
export interface Figure {
  readonly id: string;
  readonly what: string;
  readonly ours: number;
  readonly unit: string;
  /** Absent when the anchor could not be measured here. */
  readonly anchor?: number;
  readonly target: string;
}

/** A table of figures; the ratio is what survives another machine. */
export const renderFigures = (figures: readonly Figure[]): string => {
  const rows = [
    ['', 'figure', 'ours', 'anchor', 'ratio', 'target'],
    ...figures.map(({ id, what, ours, unit, anchor, target }) => [
      id,
      what,
      `${ours} ${unit}`,
      anchor === undefined ? 'not measured' : `${anchor} ${unit}`,
      anchor === undefined ? '' : String(round3(ours / anchor)),
      target,
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};
