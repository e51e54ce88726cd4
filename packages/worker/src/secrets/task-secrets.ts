import { DomainError, isDomainError } from '@skein/domain';
import type { SecretReader, SecretSource, TaskTransfers } from '@skein/ports';
import type { Redactor } from './redactor.ts';
import { minSecretLength } from './secret-forms.ts';

/** Where the secrets of one task come from, and what must know of each value. */
export interface TaskSecretsDeps {
  /** The worker's own; asked first, so that a coordinator need not know the value. */
  readonly own: SecretSource;
  readonly transfers: Pick<TaskTransfers, 'readSecret'>;
  readonly redactor: Redactor;
  /** A line for the step's log, without values. */
  readonly note: (line: string) => void;
}

/** The secrets of one task: each is read once, and is known to the redactor before anybody gets it. Values live as long as the task. */
export const createTaskSecrets = ({ own, transfers, redactor, note }: TaskSecretsDeps): SecretReader => {
  const values = new Map<string, Promise<string>>();
  const read = async (name: string): Promise<string> => {
    const value = (await own.read(name)) ?? (await askCoordinator(transfers, name));
    if (value === '') throw new DomainError('not_found', `the secret ${name} is empty`, { secret: name });
    if (!redactor.add(value))
      note(`the secret ${name} is shorter than ${minSecretLength} characters and is not taken out of logs`);
    return value;
  };
  return (name) => {
    let value = values.get(name);
    if (value === undefined) {
      value = read(name).catch((thrown: unknown) => {
        values.delete(name);
        throw thrown;
      });
      values.set(name, value);
    }
    return value;
  };
};

const askCoordinator = async (transfers: Pick<TaskTransfers, 'readSecret'>, name: string): Promise<string> => {
  try {
    return await transfers.readSecret(name);
  } catch (thrown) {
    if (!isDomainError(thrown) || thrown.code !== 'not_found') throw thrown;
    throw new DomainError(
      'not_found',
      `the secret ${name} is set neither on this worker nor at the coordinator`,
      { secret: name },
      thrown,
    );
  }
};
