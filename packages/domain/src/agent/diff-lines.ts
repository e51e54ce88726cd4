/** Lines around a change that are shown with it. */
const context = 2;

/** Cells of the table that finds the longest common part; beyond it, a text counts as replaced as a whole. */
const maxCells = 4_000_000;

/** Lines of a text; the line break at its end begins no line of its own. */
const linesOf = (text: string): readonly string[] => {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
};

/**
 * What changed between two texts, line by line: `-` removed, `+` added, ` ` kept nearby, `@@` where kept lines are left out.
 * Empty for equal texts.
 */
export const diffLines = (before: string, after: string): readonly string[] => {
  const a = linesOf(before);
  const b = linesOf(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
    tail += 1;
  const marked = [
    ...a.slice(0, head).map((line) => ` ${line}`),
    ...diffMiddle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map((line) => ` ${line}`),
  ];
  return withoutFarLines(marked);
};

const diffMiddle = (a: readonly string[], b: readonly string[]): readonly string[] => {
  if (a.length * b.length > maxCells) return [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)];
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

const withoutFarLines = (marked: readonly string[]): readonly string[] => {
  const near = new Set<number>();
  marked.forEach((line, at) => {
    if (line.startsWith(' ')) return;
    for (let close = at - context; close <= at + context; close += 1) near.add(close);
  });
  if (near.size === 0) return [];
  const shown: string[] = [];
  let skipped = false;
  marked.forEach((line, at) => {
    if (near.has(at)) shown.push(line);
    else if (!skipped || near.has(at - 1)) shown.push('@@');
    skipped = !near.has(at);
  });
  return shown;
};
