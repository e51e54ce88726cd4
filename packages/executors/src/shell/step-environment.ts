// The environment of a step's processes: nothing of the worker's own but what the base names, then what the step asked for.
// V1 A value over 64 KiB is never an environment variable: NAME_FILE names a file that holds it.
// V2 Names that the worker needs to find the process again or to read its outputs are set last; a step cannot change them.
import {
  cleanText,
  DomainError,
  type EnvEntry,
  isShellInteger,
  type JsonValue,
  parseReferences,
  referenceText,
  type ShellVariable,
  utf8Length,
} from '@skein/domain';
import type { TaskInputs } from '@skein/ports';
import type { ValueFiles } from './value-files.ts';

/** Largest value, in bytes, that is passed as an environment variable. */
export const maxVariableBytes = 64 * 1024;

/** What an environment is made of. */
export interface EnvironmentSource {
  readonly base: { readonly [name: string]: string };
  readonly inputs: TaskInputs;
  readonly declared: readonly EnvEntry[];
  /** Values of the step's secrets by variable name; after what is declared, so that no entry can take their place. */
  readonly secrets: { readonly [name: string]: string };
  /** Set last (V2). */
  readonly fixed: { readonly [name: string]: string };
}

/** One step's environment and the values behind its references. */
export class StepEnvironment {
  readonly #files: ValueFiles;
  readonly #refs: { readonly [expression: string]: JsonValue };
  readonly #fixed: { readonly [name: string]: string };
  /** Full texts, also of values that are files. */
  readonly #values = new Map<string, string>();
  readonly #variables = new Map<string, string>();

  private constructor(files: ValueFiles, source: EnvironmentSource) {
    this.#files = files;
    this.#refs = source.inputs.refs;
    this.#fixed = source.fixed;
  }

  /** Throws `invalid_argument` for a name that no environment can hold or a reference without a value. */
  static async create(files: ValueFiles, source: EnvironmentSource): Promise<StepEnvironment> {
    const environment = new StepEnvironment(files, source);
    for (const [name, text] of Object.entries(source.base)) await environment.#set(name, text);
    for (const [name, value] of Object.entries(source.inputs.upstreamEnv)) {
      await environment.#set(name, referenceText(value));
    }
    for (const { name, value } of source.declared) await environment.#set(name, await environment.render(value, true));
    for (const [name, value] of Object.entries(source.secrets)) environment.#setSecret(name, value);
    return environment;
  }

  /** The environment of one process; `variables` are those that its compiled program expands. Throws `too_large`, `invalid_argument`. */
  async variablesFor(variables: readonly ShellVariable[]): Promise<{ readonly [name: string]: string }> {
    const own: [string, string][] = [];
    for (const variable of variables) own.push([variable.name, await this.#shellValue(variable)]);
    return { ...Object.fromEntries(this.#variables), ...Object.fromEntries(own), ...this.#fixed };
  }

  /**
   * The text with its references replaced; `$NAME` and `${NAME}` of known variables too when `expandsVariables`.
   * Values are not searched again. Throws `invalid_argument` for a reference without a value.
   */
  async render(text: string, expandsVariables = false): Promise<string> {
    let rendered = '';
    let from = 0;
    for (const reference of parseReferences(text)) {
      rendered += this.#literal(text.slice(from, reference.start), expandsVariables);
      const value = this.#valueOf(reference.expression);
      rendered += reference.asFile ? await this.#files.write(value) : value;
      from = reference.end;
    }
    return rendered + this.#literal(text.slice(from), expandsVariables);
  }

  async #set(name: string, text: string): Promise<void> {
    if (name === '' || /[=\0]/.test(name)) {
      throw new DomainError('invalid_argument', `"${name}" cannot name an environment variable`);
    }
    const clean = cleanText(text);
    this.#values.set(name, clean);
    this.#variables.delete(name);
    this.#variables.delete(`${name}_FILE`);
    if (utf8Length(clean) > maxVariableBytes)
      this.#variables.set(`${name}_FILE`, await this.#files.write(clean)); // V1
    else this.#variables.set(name, clean);
  }

  /** A secret is never written into a file. Throws `invalid_argument` for a value that no environment variable can hold. */
  #setSecret(name: string, value: string): void {
    if (value.includes('\0') || utf8Length(value) > maxVariableBytes)
      throw new DomainError('invalid_argument', `the secret for ${name} does not fit an environment variable`);
    this.#values.set(name, value);
    this.#variables.set(name, value);
  }

  async #shellValue({ expression, asFile, arithmetic }: ShellVariable): Promise<string> {
    const text = this.#valueOf(expression);
    if (asFile) return this.#files.write(text);
    const bytes = utf8Length(text);
    if (bytes > maxVariableBytes) {
      throw new DomainError('too_large', `the value of \${${expression}} is too large: write \${${expression}@file}`, {
        limit: maxVariableBytes,
        actual: bytes,
      });
    }
    if (arithmetic && !isShellInteger(text)) {
      throw new DomainError('invalid_argument', `\${${expression}} is used in arithmetic and is not an integer`);
    }
    return text;
  }

  #valueOf(expression: string): string {
    if (expression.startsWith('env.')) return this.#values.get(expression.slice('env.'.length)) ?? '';
    const value = Object.hasOwn(this.#refs, expression) ? this.#refs[expression] : undefined;
    if (value === undefined) {
      throw new DomainError('invalid_argument', `the task came without a value for \${${expression}}`);
    }
    return cleanText(referenceText(value));
  }

  #literal(text: string, expandsVariables: boolean): string {
    const pattern = /\$\$\{|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g;
    return text.replace(pattern, (written, braced?: string, bare?: string) => {
      if (written === '$${') return '${';
      const name = braced ?? bare ?? '';
      return expandsVariables ? (this.#values.get(name) ?? written) : written;
    });
  }
}
