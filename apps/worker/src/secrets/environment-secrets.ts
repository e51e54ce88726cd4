/** Values of secrets by name. Prints as `[redacted]` wherever it is written by accident. */
export class SecretValues {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** For the thread that runs tasks, which shares no objects with this one. */
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

const prefix = 'SKEIN_SECRET_';

type Environment = { readonly [name: string]: string | undefined };

/** True for a variable whose value is a secret, by its name; `allowed` holds further names, with commas between. */
const isSecretVariable = (name: string, allowed: ReadonlySet<string>): boolean =>
  name.startsWith(prefix) || allowed.has(name) || (name.endsWith('_API_KEY') && !name.startsWith('SKEIN_'));

/**
 * The secrets that this environment offers to tasks: `SKEIN_SECRET_NAME` as `NAME`, every `…_API_KEY`, and what `SKEIN_SECRETS` names.
 * No other variable can be read by a task, whatever name a project asks for.
 */
export const environmentSecrets = (environment: Environment, allowed: string): SecretValues => {
  const names = new Set(
    allowed
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('SKEIN_')),
  );
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === '' || !isSecretVariable(name, names)) continue;
    values.set(name.startsWith(prefix) ? name.slice(prefix.length) : name, value);
  }
  return new SecretValues(values);
};

/** Variables that hold a credential and must leave the environment once they were read. */
export const secretVariables = (environment: Environment): readonly string[] => {
  const allowed = new Set((environment['SKEIN_SECRETS'] ?? '').split(',').map((name) => name.trim()));
  return Object.keys(environment).filter(
    (name) => isSecretVariable(name, allowed) || name === 'SKEIN_JOIN_TOKEN' || name === 'SKEIN_TLS_KEY',
  );
};
