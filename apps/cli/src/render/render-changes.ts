import type { JsonValue, VersionChange } from '@skein/domain';
import type { Colors } from '../cli/cli.ts';
import { safeText } from './format.ts';
import { cell } from './render-table.ts';

/** Longest value, in characters, that is shown on a line. */
const maxShown = 100;

/** The changes of an agent version, for people: one line each, and the changed lines of longer texts below it. */
export const renderChanges = (colors: Colors, changes: readonly VersionChange[]): string =>
  changes.flatMap((change) => changeLines(colors, change)).join('\n');

const changeLines = (colors: Colors, change: VersionChange): readonly string[] => {
  const { kind, path, before, after, lines } = change;
  const mark = { added: colors.green('+'), removed: colors.red('-'), changed: colors.yellow('~') }[kind];
  if (lines !== undefined) return [`${mark} ${cell(path)}`, ...lines.map((line) => `    ${paintLine(colors, line)}`)];
  const values = [
    ...(before === undefined ? [] : [colors.red(shown(before))]),
    ...(after === undefined ? [] : [colors.green(shown(after))]),
  ];
  return [`${mark} ${cell(path)}${values.length === 0 ? '' : `: ${values.join(' -> ')}`}`];
};

const shown = (value: JsonValue): string => {
  const text = cell(typeof value === 'string' ? value : JSON.stringify(value));
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
};

const paintLine = (colors: Colors, line: string): string => {
  const text = safeText(line);
  if (text.startsWith('+')) return colors.green(text);
  if (text.startsWith('-')) return colors.red(text);
  return colors.dim(text);
};
