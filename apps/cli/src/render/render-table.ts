import Table from 'cli-table3';
import type { Colors } from '../cli/cli.ts';
import { safeText } from './format.ts';

const none = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns without lines; a sentence when there are no rows. */
export const renderTable = (
  colors: Colors,
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  empty = 'nothing to show',
): string => {
  if (rows.length === 0) return colors.dim(empty);
  const table = new Table({
    head: headers.map((header) => colors.dim(header.toUpperCase())),
    chars: none,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
};

/** A value of somebody else as one cell: safe, on one line. */
export const cell = (text: string | undefined): string => safeText(text ?? '').replaceAll(/\s*\n\s*/g, ' ');
