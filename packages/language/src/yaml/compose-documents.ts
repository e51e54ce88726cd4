import { Composer, type Document, isScalar, Lexer, type ParsedNode, Parser } from 'yaml';
import type { SourceText, Spot } from '../problem/source-text.ts';

/** Collections inside each other, counted on the parser's own stack. The composer recurses, so this bounds its stack. */
const maxDepth = 100;

/** Documents of one file, the empty ones at its end not counted. */
const maxDocuments = 100;

/**
 * Text to the YAML documents in it, with syntax errors reported; undefined when nothing can be made of the text. Empty documents at the
 * end of the file are left out. Depth is checked while parsing and before composing: text of nothing but brackets would otherwise end
 * the process.
 */
export const composeDocuments = (source: SourceText): readonly Document.Parsed<ParsedNode>[] | undefined => {
  const tokens = parseTokens(source);
  if (tokens === undefined) return undefined;
  // Unique keys are checked later, in linear time; the library's own check is quadratic.
  const composer = new Composer({ uniqueKeys: false, resolveKnownTags: false, logLevel: 'silent', version: '1.2' });
  const documents: Document.Parsed<ParsedNode>[] = [];
  for (const document of composer.compose(tokens, false, source.text.length)) {
    documents.push(document as Document.Parsed<ParsedNode>);
    // Empty ones at the end are forgiven, but not without end.
    if (documents.length > 10 * maxDocuments) break;
  }
  const isCut = documents.length > 10 * maxDocuments;
  while (!isCut && documents.length > 0 && documents.at(-1)?.errors.length === 0 && isEmpty(documents.at(-1)))
    documents.pop();
  for (const document of documents) {
    for (const { message, pos } of document.errors) {
      const start = Math.min(pos[0], source.text.length);
      source.report({ start, end: pos[1], path: '' }, { message: `not valid YAML: ${tidy(message)}` });
    }
  }
  const extra = documents[maxDocuments];
  if (extra === undefined) return documents;
  source.report(startOf(extra), {
    message: 'too many documents',
    expected: `at most ${maxDocuments} in a file`,
    code: 'too_large',
  });
  return undefined;
};

/** True for a document that holds no value. */
export const isEmpty = (document: Document.Parsed<ParsedNode> | undefined): boolean =>
  document === undefined ||
  document.contents === null ||
  (isScalar(document.contents) && document.contents.value === null && document.contents.anchor === undefined);

/** Where a document begins to say something. */
export const startOf = (document: Document.Parsed<ParsedNode>): Spot => {
  const start = document.contents?.range[0] ?? document.range[0];
  return { start, end: start, path: '' };
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
