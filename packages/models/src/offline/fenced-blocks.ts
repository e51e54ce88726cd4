/** A fenced block of Markdown: ```language name, lines, ```. */
export interface FencedBlock {
  readonly language: string;
  readonly name: string;
  readonly text: string;
}

/**
 * The fenced blocks of a text, in order. A block ends at a line that holds only at least as many backticks as opened it;
 * an unfinished one runs to the end of the text.
 */
export const fencedBlocks = (text: string): readonly FencedBlock[] => {
  const blocks: FencedBlock[] = [];
  let open: { fence: string; language: string; name: string; lines: string[] } | undefined;
  const close = () => {
    if (open !== undefined) blocks.push({ language: open.language, name: open.name, text: open.lines.join('\n') });
    open = undefined;
  };
  for (const line of text.split(/\r?\n/)) {
    if (open === undefined) {
      const start = /^(`{3,})([\w-]*)[ \t]*([\w-]*)[ \t]*$/.exec(line);
      if (start !== null) open = { fence: start[1] ?? '', language: start[2] ?? '', name: start[3] ?? '', lines: [] };
    } else if (/^`{3,}[ \t]*$/.test(line) && line.trimEnd().length >= open.fence.length) close();
    else open.lines.push(line);
  }
  close();
  return blocks;
};
