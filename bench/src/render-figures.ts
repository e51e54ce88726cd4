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
  /** Of the same samples as `ours`, where that is a median. */
  readonly p99?: number;
  /** Samples. */
  readonly n?: number;
}

/** A table of figures; the ratio is what survives another machine. */
export const renderFigures = (figures: readonly Figure[]): string => {
  const isSampled = figures.some(({ n }) => n !== undefined);
  const rows = [
    ['', 'figure', 'ours', ...(isSampled ? ['p99', 'n'] : []), 'anchor', 'ratio', 'target'],
    ...figures.map(({ id, what, ours, unit, anchor, target, p99, n }) => [
      id,
      what,
      `${ours} ${unit}`,
      ...(isSampled ? [p99 === undefined ? '' : `${p99} ${unit}`, n === undefined ? '' : String(n)] : []),
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
