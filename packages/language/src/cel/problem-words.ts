/** Names of the parser's tokens, as people write them. */
const tokens: { readonly [name: string]: string } = {
  EOF: 'the end',
  IDENTIFIER: 'a name',
  NUMBER: 'a number',
  STRING: 'a text',
  BOOLEAN: 'true or false',
  NULL: 'null',
  BYTES: 'bytes',
  PLUS: '"+"',
  MINUS: '"-"',
  MULTIPLY: '"*"',
  DIVIDE: '"/"',
  MODULO: '"%"',
  EQ: '"=="',
  NE: '"!="',
  LT: '"<"',
  LE: '"<="',
  GT: '">"',
  GE: '">="',
  AND: '"&&"',
  OR: '"||"',
  NOT: '"!"',
  IN: '"in"',
  LPAREN: '"("',
  RPAREN: '")"',
  LBRACKET: '"["',
  RBRACKET: '"]"',
  LBRACE: '"{"',
  RBRACE: '"}"',
  DOT: '"."',
  COMMA: '","',
  COLON: '":"',
  QUESTION: '"?"',
};

/** Characters that are likely to be meant as something else. */
const meant: { readonly [character: string]: string } = { '=': '"=="', '&': '"&&"', '|': '"||"' };

const wordOf = (name: string): string => tokens[name] ?? name;

/** What a parser or checker of CEL says, in words that need no knowledge of its parts. */
export const problemWords = (summary: string, variables: readonly string[]): string => {
  const [, wanted, got] = /^Expected (\w+), got (\w+)$/.exec(summary) ?? [];
  if (wanted !== undefined && got !== undefined) return `expected ${wordOf(wanted)}, found ${wordOf(got)}`;
  const [, token] = /^Unexpected token: (\w+)$/.exec(summary) ?? [];
  if (token !== undefined) return `expected a value, found ${wordOf(token)}`;
  const [, character] = /^Unexpected character: '?(.)'?$/su.exec(summary) ?? [];
  if (character !== undefined) {
    const other = meant[character];
    return `expected an operator or the end, found "${character}"${other === undefined ? '' : `; did you mean ${other}?`}`;
  }
  const [, variable] = /^Unknown variable: (.*)$/su.exec(summary) ?? [];
  if (variable !== undefined) return `there is no "${variable.slice(0, 60)}"; it may use ${variables.join(', ')}`;
  return summary;
};

const beforeLength = 30;

/** Where in a text: its character, counted from 1, and what stands before it. */
export const placeWords = (text: string, offset: number): string => {
  if (offset === 0) return '(character 1)';
  const from = Math.max(0, offset - beforeLength);
  const before = text.slice(from, offset).replace(/\s+/gu, ' ');
  return `(character ${offset + 1}, after "${from === 0 ? '' : '…'}${before}")`;
};
