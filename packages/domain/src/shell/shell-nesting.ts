/** What is open at one level of commands: a subshell or group `(`, or a `case` and whether its `in` was seen. */
type Opener = 'paren' | 'case_word' | 'case';

/** Words after which the next word is a command again. */
const beforeCommand = new Set(['if', 'then', 'else', 'elif', 'do', 'while', 'until', '!', '{', 'time']);

/**
 * Tracks, at one level of commands, which `)` closes what: a `case` pattern ends with a `)` that closes nothing.
 * It also knows where a command may begin, since only there a word is a reserved word.
 */
export class ShellNesting {
  readonly #openers: Opener[] = [];
  commandStart = true;

  open(): void {
    this.#openers.push('paren');
    this.commandStart = true;
  }

  /** False when the `)` closes the whole level. */
  close(): boolean {
    this.commandStart = true;
    const top = this.#openers.at(-1);
    if (top === 'case' || top === 'case_word') return true;
    return this.#openers.pop() !== undefined;
  }

  /** A whole unquoted word. */
  word(word: string): void {
    const top = this.#openers.at(-1);
    if (top === 'case_word' && word === 'in') {
      this.#openers[this.#openers.length - 1] = 'case';
      this.commandStart = true;
    } else if (this.commandStart && word === 'case') {
      this.#openers.push('case_word');
      this.commandStart = false;
    } else if (this.commandStart && word === 'esac' && top === 'case') {
      this.#openers.pop();
      this.commandStart = true;
    } else {
      this.commandStart = this.commandStart && beforeCommand.has(word);
    }
  }
}

/** Looking further would make hostile text quadratic. */
const longestArithmetic = 4_096;

/** True if the `((` at this position is closed by two `)` that stand together, so that the shell reads arithmetic. */
export const isArithmetic = (text: string, at: number): boolean => {
  let depth = 2;
  const end = Math.min(text.length, at + longestArithmetic);
  for (let index = at + 2; index < end; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === '(') depth++;
    else if (text[index] === ')' && --depth === 1) return text[index + 1] === ')';
  }
  return false;
};
