/** Values of secrets by name. Prints as `[redacted]` wherever it is written by accident. */
export class SecretValues {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** Plain values, for a thread that shares no objects with this one. */
  reveal(): { readonly [name: string]: string } {
    return Object.fromEntries(this.#values);
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}

/** Which variables of an environment hold secrets for tasks, beside `SKEIN_SECRET_NAME`. */
export interface SecretVariables {
  /** Every `…_API_KEY` too. */
  readonly apiKeys?: boolean;
  /** Further names, with commas between. */
  readonly named?: string;
}

type Environment = { readonly [name: string]: string | undefined };

const prefix = 'SKEIN_SECRET_';

/** Names of the variables whose values are secrets for tasks; no other variable can be read by one, whatever name a project asks for. */
export const secretVariables = (environment: Environment, { apiKeys, named = '' }: SecretVariables = {}): string[] => {
  const further = new Set(named.split(',').map((name) => name.trim()));
  return Object.keys(environment).filter((name) => {
    if (name.startsWith(prefix)) return name.length > prefix.length;
    // Skein's own variables are not for tasks.
    if (name.startsWith('SKEIN_')) return false;
    return further.has(name) || (apiKeys === true && name.endsWith('_API_KEY'));
  });
};

/** The secrets of an environment: `SKEIN_SECRET_NAME` as `NAME`, others under their own name. An empty one is none. */
export const environmentSecrets = (environment: Environment, which: SecretVariables = {}): SecretValues =>
  new SecretValues(
    new Map(
      secretVariables(environment, which).flatMap((name) => {
        const value = environment[name] ?? '';
        return value === '' ? [] : [[name.startsWith(prefix) ? name.slice(prefix.length) : name, value] as const];
      }),
    ),
  );
