/** Lines around a change that are shown with it. */
const context = 2;

/** Cells of the table that finds the longest common part; beyond it, a text counts as replaced as a whole. */
const maxCells = 1_000_000;

/** Cells that one `LineDiff` fills altogether. */
const maxTotalCells = 32_000_000;

/** Lines of each side of a text that was replaced as a whole that are shown; `@@` stands for the others. */
const maxShown = 5_000;

/** What changed between two texts, line by line. */
export type LineDiff = (before: string, after: string) => readonly string[];

/** Lines of a text; the line break at its end begins no line of its own. */
const linesOf = (text: string): readonly string[] => {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
};

/**
 * What changed between two texts, line by line: `-` removed, `+` added, ` ` kept nearby, `@@` where lines are left out.
 * Empty for texts of equal lines.
 */
export const diffLines: LineDiff = (before, after) => diffWithin(before, after, maxCells).lines;

/**
 * `diffLines` for many texts: remembers what it compared, and takes texts as replaced when all together were too much work,
 * so that a plan for a thousand agents with one skill, or for a skill of two thousand files, is made in bounded time.
 */
export const createLineDiff = (): LineDiff => {
  const known = new Map<string, Map<string, readonly string[]>>();
  let cellsLeft = maxTotalCells;
  return (before, after) => {
    const ofBefore = known.get(before) ?? new Map<string, readonly string[]>();
    known.set(before, ofBefore);
    let lines = ofBefore.get(after);
    if (lines === undefined) {
      const found = diffWithin(before, after, Math.min(maxCells, cellsLeft));
      cellsLeft -= found.cells;
      lines = found.lines;
      ofBefore.set(after, lines);
    }
    return lines;
  };
};

const diffWithin = (
  before: string,
  after: string,
  cellLimit: number,
): { readonly lines: readonly string[]; readonly cells: number } => {
  const a = linesOf(before);
  const b = linesOf(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
    tail += 1;
  if (head + tail === a.length && a.length === b.length) return { lines: [], cells: 0 };
  const removed = a.slice(head, a.length - tail);
  const added = b.slice(head, b.length - tail);
  const cells = removed.length * added.length;
  const isWhole = cells > cellLimit || removed.length + added.length > maxShown;
  const kept = (lines: readonly string[]): readonly string[] => lines.map((line) => ` ${line}`);
  return {
    lines: [
      ...(head > context ? ['@@'] : []),
      ...kept(a.slice(Math.max(0, head - context), head)),
      ...(isWhole ? replaced(removed, added) : withoutFarLines(diffMiddle(removed, added))),
      ...kept(a.slice(a.length - tail, a.length - tail + context)),
      ...(tail > context ? ['@@'] : []),
    ],
    cells: isWhole ? 0 : cells,
  };
};

const replaced = (removed: readonly string[], added: readonly string[]): readonly string[] => {
  const shown = (mark: string, lines: readonly string[]): readonly string[] => [
    ...lines.slice(0, maxShown).map((line) => mark + line),
    ...(lines.length > maxShown ? ['@@'] : []),
  ];
  return [...shown('-', removed), ...shown('+', added)];
};

const diffMiddle = (a: readonly string[], b: readonly string[]): readonly string[] => {
  const width = b.length + 1;
  // common[i * width + j]: length of the longest common part of a from i on and b from j on.
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const at = i * width + j;
      common[at] =
        a[i] === b[j]
          ? (common[at + width + 1] as number) + 1
          : Math.max(common[at + width] as number, common[at + 1] as number);
    }
  }
  const marked: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      marked.push(` ${a[i]}`);
      i += 1;
      j += 1;
    } else if (
      j === b.length ||
      (i < a.length && (common[(i + 1) * width + j] as number) >= (common[i * width + j + 1] as number))
    ) {
      marked.push(`-${a[i]}`);
      i += 1;
    } else {
      marked.push(`+${b[j]}`);
      j += 1;
    }
  }
  return marked;
};

/** Begins and ends with a change: of what is kept between two changes, only the lines near them. */
const withoutFarLines = (marked: readonly string[]): readonly string[] => {
  const shown: string[] = [];
  for (let at = 0; at < marked.length; ) {
    let end = at;
    while (end < marked.length && marked[end]?.startsWith(' ') === true) end += 1;
    if (end === at) shown.push(marked[at++] as string);
    else {
      const kept = marked.slice(at, end);
      if (kept.length <= 2 * context) shown.push(...kept);
      else shown.push(...kept.slice(0, context), '@@', ...kept.slice(-context));
      at = end;
    }
  }
  return shown;
};
