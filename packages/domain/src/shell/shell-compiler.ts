import { DomainError } from '../errors/domain-error.ts';
import { parseReferences, referenceAt } from '../reference/parse-references.ts';
import { type Heredoc, heredocAt, heredocBody } from './heredoc.ts';
import { isArithmetic, ShellNesting } from './shell-nesting.ts';
import type { ShellVariables } from './shell-program.ts';

/** How the shell reads the text around a reference. `bare` is open to field splitting and patterns, the others are not. */
type Context = 'bare' | 'quoted' | 'heredoc' | 'arithmetic';

const maxDepth = 100;

/**
 * One pass over shell text that copies everything but references. It follows the grammar only as far as it must to know how each
 * reference is quoted. It need not be right about everything a shell can read: a value never becomes program text, so that
 * the worst outcome of a misreading is wrong quoting around an expansion, never a command.
 */
export class ShellCompiler {
  readonly #text: string;
  readonly #variables: ShellVariables;
  readonly #depth: number;
  #at = 0;
  #out = '';

  constructor(text: string, variables: ShellVariables, depth = 0) {
    if (depth > maxDepth) throw new DomainError('invalid_argument', 'shell text is nested too deeply');
    this.#text = text;
    this.#variables = variables;
    this.#depth = depth;
  }

  /** The whole text as commands. */
  program(): string {
    this.#commands(this.#depth, false);
    return this.#out;
  }

  /** The whole text as the body of a here-document whose delimiter was not quoted. */
  heredocText(): string {
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === '\\') this.#copy(2);
      else if (this.#text[this.#at] === '$') this.#dollar('heredoc', this.#depth);
      else if (this.#text[this.#at] === '`') this.#backticks('heredoc', this.#depth);
      else this.#copyUntil(/[\\$`]/g);
    }
    return this.#out;
  }

  #commands(depth: number, nested: boolean): void {
    if (depth > maxDepth) throw new DomainError('invalid_argument', 'shell text is nested too deeply');
    const nesting = new ShellNesting();
    const heredocs: Heredoc[] = [];
    let wordStart = true;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string;
      const starting = wordStart;
      wordStart = false;
      switch (char) {
        case '\n':
          this.#copy(1);
          this.#heredocBodies(heredocs.splice(0), depth);
          nesting.commandStart = true;
          wordStart = true;
          break;
        case ';':
        case '&':
        case '|':
          this.#copy(1);
          nesting.commandStart = true;
          wordStart = true;
          break;
        case ' ':
        case '\t':
        case '>':
          this.#copy(1);
          wordStart = true;
          break;
        case '<': {
          const opened = this.#heredocOperator();
          if (opened !== undefined) heredocs.push(opened);
          wordStart = true;
          break;
        }
        case '(':
          if (nesting.commandStart && this.#text.startsWith('((', this.#at) && isArithmetic(this.#text, this.#at)) {
            this.#copy(2);
            this.#arithmetic('bare', depth);
          } else {
            this.#copy(1);
            nesting.open();
            wordStart = true;
          }
          break;
        case ')':
          if (!nesting.close() && nested) return;
          this.#copy(1);
          wordStart = true;
          break;
        case '#':
          if (starting) this.#copyUntil(/\n/g);
          else this.#copy(1);
          break;
        default:
          if (this.#quotedPiece(char, depth)) nesting.commandStart = false;
          else this.#plainWord(nesting, starting);
      }
    }
  }

  /** A quote, expansion or escape in a word at command level; false when the character is a plain one. */
  #quotedPiece(char: string, depth: number): boolean {
    if (char === '\\') this.#copy(2);
    else if (char === "'") this.#singleQuotes();
    else if (char === '"') this.#doubleQuotes(depth);
    else if (char === '`') this.#backticks('bare', depth);
    else if (char === '$') this.#dollar('bare', depth);
    else return false;
    return true;
  }

  #plainWord(nesting: ShellNesting, starting: boolean): void {
    const from = this.#at;
    this.#copyUntil(/[ \t\n;&|()<>'"`$\\]/g);
    const next = this.#text[this.#at];
    const whole = starting && (next === undefined || /[ \t\n;&|()<>]/.test(next));
    if (whole) nesting.word(this.#text.slice(from, this.#at));
    else nesting.commandStart = false;
  }

  #singleQuotes(): void {
    this.#copy(1);
    while (this.#at < this.#text.length && this.#text[this.#at] !== "'") {
      if (this.#escapedReference()) {
        this.#out += '$';
        this.#at += 2;
      } else if (!this.#reference((name) => `'"\${${name}}"'`, false)) {
        this.#copy(1);
        this.#copyUntil(/['$]/g);
      }
    }
    this.#copy(1);
  }

  #doubleQuotes(depth: number): void {
    this.#copy(1);
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') {
      if (this.#text[this.#at] === '\\') this.#copy(2);
      else if (this.#text[this.#at] === '$') this.#dollar('quoted', depth);
      else if (this.#text[this.#at] === '`') this.#backticks('quoted', depth);
      else this.#copyUntil(/["\\$`]/g);
    }
    this.#copy(1);
  }

  #dollar(context: Context, depth: number): void {
    if (this.#escapedReference()) {
      this.#out += '\\$';
      this.#at += 2;
      return;
    }
    const quote = context === 'bare' ? '"' : '';
    if (this.#reference((name) => `${quote}\${${name}}${quote}`, context === 'arithmetic')) return;
    if (this.#text.startsWith('${', this.#at)) this.#parameter(context, depth + 1);
    else if (this.#text.startsWith('$((', this.#at) && isArithmetic(this.#text, this.#at + 1)) {
      this.#copy(3);
      this.#arithmetic('arithmetic', depth + 1);
    } else if (this.#text.startsWith('$(', this.#at)) {
      this.#copy(2);
      this.#commands(depth + 1, true);
      this.#copy(1);
    } else if (context === 'bare' && this.#text.startsWith("$'", this.#at)) this.#ansiQuotes();
    else this.#copy(1);
  }

  /** `$'…'`: the only quotes in which a backslash hides the closing one, and which not every shell has. */
  #ansiQuotes(): void {
    const piece = /\$'(?:[^'\\]|\\[^])*'?/y;
    piece.lastIndex = this.#at;
    const text = piece.exec(this.#text)?.[0] ?? '$';
    if (parseReferences(text).length > 0) {
      throw new DomainError('invalid_argument', "a reference inside $'…' is not possible: close the quote before it");
    }
    this.#copy(text.length);
  }

  /** `${NAME…}` of the shell, up to its closing brace. */
  #parameter(context: Context, depth: number): void {
    if (depth > maxDepth) throw new DomainError('invalid_argument', 'shell text is nested too deeply');
    parameterHead.lastIndex = this.#at;
    this.#copy(parameterHead.exec(this.#text)?.[0].length ?? 2);
    const inner = wordContext(this.#text.slice(this.#at, this.#at + 2), context);
    while (this.#at < this.#text.length && this.#text[this.#at] !== '}') {
      const char = this.#text[this.#at];
      if (char === '\\') this.#copy(2);
      else if (char === '"') this.#doubleQuotes(depth);
      else if (char === "'" && inner === 'bare') this.#singleQuotes();
      else if (char === '`') this.#backticks(inner, depth);
      else if (char === '$') this.#dollar(inner, depth);
      else {
        this.#copy(1);
        this.#copyUntil(/[}\\"'`$]/g);
      }
    }
    this.#copy(1);
  }

  /** Up to the closing `))`. `context` says how the shell reads an expansion in it; the value is arithmetic either way. */
  #arithmetic(context: Context, depth: number): void {
    let open = 0;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at];
      if (char === ')' && open === 0) break;
      if (char === '(') open++;
      if (char === ')') open--;
      const quote = context === 'bare' ? '"' : '';
      if (char === '\\') this.#copy(2);
      else if (char === '`') this.#backticks('quoted', depth);
      else if (char === '$' && this.#reference((name) => `${quote}\${${name}}${quote}`, true)) continue;
      else if (char === '$') this.#dollar('arithmetic', depth);
      else this.#copy(1);
    }
    // Where what stands between was read otherwise than when its end was looked for, only one of them is there.
    this.#copy(this.#text.startsWith('))', this.#at) ? 2 : 1);
  }

  /** The shell first removes one level of backslashes, then reads the rest as commands; so do we, and put the level back. */
  #backticks(context: Context, depth: number): void {
    const piece = /`((?:[^`\\]|\\[^])*)(`?)/y;
    piece.lastIndex = this.#at;
    const match = piece.exec(this.#text);
    const [whole, raw, closing] = [match?.[0] ?? '`', match?.[1] ?? '', match?.[2] ?? ''];
    const inner = raw.replaceAll(context === 'quoted' ? /\\([\\`$"])/g : /\\([\\`$])/g, '$1');
    if (!inner.includes('${')) {
      this.#copy(whole.length);
      return;
    }
    const compiled = new ShellCompiler(inner, this.#variables, depth + 1).program();
    const changed = compiled === inner ? raw : compiled.replaceAll(/[\\`]/g, '\\$&');
    this.#out += `\`${changed}${closing}`;
    this.#at += whole.length;
  }

  #heredocOperator(): Heredoc | undefined {
    const found = heredocAt(this.#text, this.#at);
    if (found === undefined) {
      this.#copy(this.#text.startsWith('<<<', this.#at) ? 3 : 1);
      return undefined;
    }
    if (parseReferences(this.#text.slice(this.#at, found.end)).length > 0) {
      throw new DomainError('invalid_argument', 'the delimiter of a here-document may not hold a reference');
    }
    this.#copy(found.end - this.#at);
    return found.heredoc;
  }

  #heredocBodies(heredocs: readonly Heredoc[], depth: number): void {
    for (const heredoc of heredocs) {
      const { end, next } = heredocBody(this.#text, this.#at, heredoc);
      const body = this.#text.slice(this.#at, end);
      if (heredoc.quoted) {
        const [reference] = parseReferences(body);
        if (reference !== undefined) {
          const message = `\${${reference.expression}} stands in a here-document with a quoted delimiter, where nothing is expanded: write <<${heredoc.delimiter} without quotes`;
          throw new DomainError('invalid_argument', message);
        }
        this.#out += body.replaceAll(/\$(?=\$\{(?:item(?:@file)?\}|(?:params|env|steps|run|item)\.))/g, '');
      } else this.#out += new ShellCompiler(body, this.#variables, depth + 1).heredocText();
      this.#at = end;
      this.#copy(next - end + 1);
    }
  }

  /** Replaces the reference at this position, if there is one. */
  #reference(expansion: (name: string) => string, arithmetic: boolean): boolean {
    const reference = this.#text.startsWith('${', this.#at) ? referenceAt(this.#text, this.#at) : undefined;
    if (reference === undefined) return false;
    this.#out += expansion(this.#variables.nameFor(reference, arithmetic));
    this.#at = reference.end;
    return true;
  }

  /** True at `$${` when a reference would follow: the author wants the text itself. */
  #escapedReference(): boolean {
    return this.#text.startsWith('$${', this.#at) && referenceAt(this.#text, this.#at + 1) !== undefined;
  }

  #copy(units: number): void {
    this.#out += this.#text.slice(this.#at, this.#at + units);
    this.#at = Math.min(this.#text.length, this.#at + units);
  }

  /** Copies up to the next match of a global pattern, or to the end. */
  #copyUntil(stop: RegExp): void {
    stop.lastIndex = this.#at;
    const end = stop.exec(this.#text)?.index ?? this.#text.length;
    this.#copy(end - this.#at);
  }
}

const parameterHead = /\$\{[!#]?(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])?/y;

/** How the shell reads the part of `${NAME…}` after the name; `operator` is its first two characters. */
const wordContext = (operator: string, context: Context): Context => {
  if (operator.startsWith('[') || /^:[^-=?+]/.test(operator)) return 'arithmetic';
  if (/^:?[-=?+]/.test(operator)) return context;
  return 'bare';
};
