import { createSourceText, type SourceText, topOfFile } from '../problem/source-text.ts';
import { readYaml } from '../yaml/read-yaml.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';

/** A Markdown file with YAML front matter, taken apart. Positions of the front matter are those of the file. */
export interface FrontMatter {
  readonly source: SourceText;
  /** Undefined when there is none, or none that can be read; then a problem was reported. */
  readonly header: YamlNode | undefined;
  /** The text after the front matter, without leading empty lines. */
  readonly body: string;
}

const fence = /^---[ \t]*\r?\n/;
const closing = /^---[ \t]*(?:\r?\n|$)/m;

/** Splits and reads front matter. `lenient` quotes values with an unquoted `: ` and tries again, as clients of Agent Skills do. */
export const readFrontMatter = (file: string, text: string, lenient = false): FrontMatter => {
  const opened = fence.exec(text);
  const rest = opened === null ? '' : text.slice(opened[0].length);
  const end = opened === null ? null : closing.exec(rest);
  if (opened === null || end === null) {
    const source = createSourceText(file, text);
    source.report(topOfFile, { message: 'no front matter', expected: '--- on the first line, YAML, and --- after it' });
    return { source, header: undefined, body: text };
  }
  const body = rest.slice(end.index + end[0].length).replace(/^(?:[ \t]*\r?\n)+/, '');
  // The opening fence becomes a comment of the same length, so that offsets stay those of the file.
  const yaml = `#${opened[0].slice(1)}${rest.slice(0, end.index)}`;
  const strict = createSourceText(file, yaml);
  const header = readYaml(strict);
  if (header !== undefined || !lenient) return finish(strict, header, body);
  const source = createSourceText(file, quoteColons(yaml));
  const repaired = readYaml(source);
  if (repaired === undefined) return finish(strict, undefined, body);
  source.warn(topOfFile, { message: 'a value with ": " in it is not in quotes', expected: 'quotes around it' });
  return { source, header: repaired, body };
};

const finish = (source: SourceText, header: YamlNode | undefined, body: string): FrontMatter => {
  if (header === undefined && source.problems.length === 0) {
    source.report(topOfFile, { message: 'the front matter is empty', expected: 'name and description' });
  }
  return { source, header, body };
};

const quoteColons = (yaml: string): string => yaml.split('\n').map(quoteLine).join('\n');

/** Only plain values of top-level keys; string searches rather than one expression, which a long line could stall. */
const quoteLine = (line: string): string => {
  const key = /^[A-Za-z][\w-]*:[ \t]/.exec(line)?.[0];
  const value = key === undefined ? '' : line.slice(key.length).trim();
  if (key === undefined || !value.includes(': ') || /^['"|>[{&*!]/.test(value)) return line;
  return `${key}${JSON.stringify(value)}`;
};
