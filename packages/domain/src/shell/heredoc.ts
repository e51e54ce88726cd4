/** A here-document whose body begins after the next line break. */
export interface Heredoc {
  readonly delimiter: string;
  /** Some part of the delimiter was quoted: the shell expands nothing in the body. */
  readonly quoted: boolean;
  /** `<<-`: leading tabs are removed from each line and from the delimiter's. */
  readonly stripsTabs: boolean;
}

/** The operator and delimiter word at `<<`; undefined for a here-string (`<<<`) and for `<<` without a word. */
export const heredocAt = (
  text: string,
  at: number,
): { readonly heredoc: Heredoc; readonly end: number } | undefined => {
  operator.lastIndex = at;
  const match = operator.exec(text);
  if (match === null) return undefined;
  const start = operator.lastIndex;
  let delimiter = '';
  let quoted = false;
  let end = start;
  for (let char = text[end]; char !== undefined && !/[ \t\n;&|()<>]/.test(char); char = text[end]) {
    if (char === "'" || char === '"') {
      const close = text.indexOf(char, end + 1);
      const last = close === -1 ? text.length : close;
      delimiter += text.slice(end + 1, last);
      quoted = true;
      end = last + 1;
    } else if (char === '\\') {
      delimiter += text[end + 1] ?? '';
      quoted = true;
      end += 2;
    } else {
      delimiter += char;
      end += 1;
    }
  }
  return end === start ? undefined : { heredoc: { delimiter, quoted, stripsTabs: match[1] === '-' }, end };
};

const operator = /<<(?!<)(-?)[ \t]*/y;

/** Where the body that begins at `from` ends, and where the line after its delimiter begins; both the end of the text when there is none. */
export const heredocBody = (
  text: string,
  from: number,
  heredoc: Heredoc,
): { readonly end: number; readonly next: number } => {
  for (let line = from; line < text.length; ) {
    const lineBreak = text.indexOf('\n', line);
    const lineEnd = lineBreak === -1 ? text.length : lineBreak;
    const content = text.slice(line, lineEnd);
    if ((heredoc.stripsTabs ? content.replace(/^\t+/, '') : content) === heredoc.delimiter)
      return { end: line, next: lineEnd };
    line = lineEnd + 1;
  }
  return { end: text.length, next: text.length };
};
