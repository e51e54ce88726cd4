const prefix = 'SKEIN_SECRET_';

/** Values of secrets by name. Prints as `[redacted]` wherever it is written by accident. */
export class SecretValues {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  get size(): number {
    return this.#values.size;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}

type Environment = { readonly [name: string]: string | undefined };

/** Variables of an environment that hold a secret for tasks. */
export const secretVariables = (environment: Environment): readonly string[] =>
  Object.keys(environment).filter((name) => name.startsWith(prefix) && name.length > prefix.length);

/** The secrets of an environment: `SKEIN_SECRET_NAME` as `NAME`. An empty one is none. */
export const environmentSecrets = (environment: Environment): SecretValues =>
  new SecretValues(
    new Map(
      secretVariables(environment).flatMap((name) => {
        const value = environment[name] ?? '';
        return value === '' ? [] : [[name.slice(prefix.length), value] as const];
      }),
    ),
  );
