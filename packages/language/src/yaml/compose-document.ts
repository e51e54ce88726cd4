import { Composer, type Document, Lexer, type ParsedNode, Parser } from 'yaml';
import type { SourceText } from '../problem/source-text.ts';

/** Collections inside each other, counted on the parser's own stack. The composer recurses, so this bounds its stack. */
const maxDepth = 100;

/**
 * Text to the one YAML document in it, with syntax errors reported; undefined when there is none to read.
 * Depth is checked while parsing and before composing: text of nothing but brackets would otherwise end the process.
 */
export const composeDocument = (source: SourceText): Document.Parsed<ParsedNode> | undefined => {
  const tokens = parseTokens(source);
  if (tokens === undefined) return undefined;
  // Unique keys are checked later, in linear time; the library's own check is quadratic.
  const composer = new Composer({ uniqueKeys: false, resolveKnownTags: false, logLevel: 'silent', version: '1.2' });
  const documents: Document.Parsed[] = [];
  for (const document of composer.compose(tokens, false, source.text.length)) documents.push(document);
  const [first, ...others] = documents.filter((document, index) => index === 0 || document.contents !== null);
  for (const document of documents) {
    for (const { message, pos } of document.errors) {
      const start = Math.min(pos[0], source.text.length);
      source.report({ start, end: pos[1], path: '' }, { message: `not valid YAML: ${tidy(message)}` });
    }
  }
  const second = others[0];
  if (second !== undefined) {
    const start = second.contents?.range[0] ?? 0;
    source.report(
      { start, end: start, path: '' },
      { message: 'several documents in one file (sub-DAG documents) are not supported yet', code: 'unimplemented' },
    );
  }
  return first as Document.Parsed<ParsedNode> | undefined;
};

const parseTokens = (source: SourceText) => {
  const parser = new Parser();
  const tokens = [];
  let offset = 0;
  for (const lexeme of new Lexer().lex(source.text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > maxDepth) {
      const start = Math.min(offset, source.text.length);
      source.report(
        { start, end: start, path: '' },
        { message: 'nested too deeply', expected: `at most ${maxDepth} levels`, code: 'too_large' },
      );
      return undefined;
    }
    offset = parser.offset;
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
};

const tidy = (message: string): string => {
  const [line = message] = message.split('\n');
  return line.length > 160 ? `${line.slice(0, 160)} …` : line;
};
