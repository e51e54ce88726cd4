import type { Cli } from '../cli/cli.ts';

/** A part of the terminal that is drawn again and again. */
export interface Screen {
  /** Replaces what was drawn before. */
  draw(text: string): void;
  /** Leaves what was drawn last, and writes below it from now on. */
  close(): void;
}

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';

/** Lines are cut to the width of the terminal: one that breaks would be counted wrong, and one more than fits cannot be reached again. */
export const createScreen = (cli: Pick<Cli, 'write' | 'size'>): Screen => {
  let drawn = 0;
  return {
    draw: (text) => {
      const { columns, rows } = cli.size();
      const lines = text
        .split('\n')
        .slice(0, Math.max(1, rows - 1))
        .map((line) => fit(line, columns));
      const up = drawn === 0 ? hideCursor : `\u001b[${drawn}A`;
      cli.write(`${up}${lines.map((line) => `\r\u001b[2K${line}\n`).join('')}\u001b[J`);
      drawn = lines.length;
    },
    close: () => {
      if (drawn > 0) cli.write(showCursor);
    },
  };
};

const escape = '\u001b';

/** A line with at most `columns` - 1 characters that can be seen; sequences of colours are kept whole. */
export const fit = (line: string, columns: number): string => {
  // Behind each escape comes the rest of its sequence, up to an m, then text.
  const [first = '', ...others] = line.split(escape);
  const pieces = [['', first] as const, ...others.map((piece) => cutAfter(piece, piece.indexOf('m') + 1))];
  const room = Math.max(1, columns - 1);
  const length = pieces.reduce((sum, [, text]) => sum + Array.from(text).length, 0);
  if (length <= room) return line;
  let left = room - 1;
  return pieces
    .map(([sequence, text], at) => {
      const characters = Array.from(text);
      const kept = characters.slice(0, Math.max(0, left)).join('');
      const isLast = left >= 0 && characters.length > left;
      left = isLast ? -1 : left - characters.length;
      return `${at === 0 ? '' : escape}${sequence}${kept}${isLast ? '…' : ''}`;
    })
    .join('');
};

const cutAfter = (text: string, at: number): readonly [string, string] => [text.slice(0, at), text.slice(at)];
