import { DomainError } from '../errors/domain-error.ts';
import type { Reference } from '../reference/reference.ts';

/** A value that the executor exports before it runs the program. */
export interface ShellVariable {
  /** `SKEIN_REF_1`, `SKEIN_REF_2` … */
  readonly name: string;
  /** What to look up: the text between the braces, without `@file`. */
  readonly expression: string;
  /** Export the path of a file that holds the value, not the value. */
  readonly asFile: boolean;
  /**
   * The shell evaluates the value as arithmetic somewhere, and shells such as bash run `a[$(command)]` there. Export it only if it is
   * an integer (`isShellInteger`), else fail the step with `invalid_argument`.
   */
  readonly arithmetic: boolean;
}

/** Shell text whose references became expansions of variables. */
export interface ShellProgram {
  readonly program: string;
  readonly variables: readonly ShellVariable[];
}

/** True for the texts that may be exported for a variable that is used in arithmetic: an optional sign and decimal digits. */
export const isShellInteger = (text: string): boolean => /^-?[0-9]{1,19}$/.test(text);

/** Gives each distinct reference of one program its variable. */
export class ShellVariables {
  readonly #byKey = new Map<string, ShellVariable>();

  /** Name of the variable for this reference; the same one for the same expression, form and use. Throws `invalid_argument`. */
  nameFor(reference: Reference, arithmetic: boolean): string {
    const { expression, asFile, target } = reference;
    if (target.kind === 'invalid') {
      throw new DomainError('invalid_argument', `\${${expression}} is no reference: ${target.reason}`);
    }
    const key = `${asFile} ${arithmetic} ${expression}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known.name;
    const name = `SKEIN_REF_${this.#byKey.size + 1}`;
    this.#byKey.set(key, { name, expression, asFile, arithmetic });
    return name;
  }

  list(): readonly ShellVariable[] {
    return [...this.#byKey.values()];
  }
}
