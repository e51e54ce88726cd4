import { type AutoModelChoice, autoModelFrom } from '@skein/sdk';

/** What the command line takes from its environment. */
export interface CliConfig {
  readonly url?: string;
  readonly token?: string;
  readonly dataDir?: string;
  /** Colours are off (https://no-color.org); live output is not. */
  readonly plain: boolean;
  readonly autoModel: AutoModelChoice;
  /** All of it, for the processes that `skein up` starts. */
  readonly env: { readonly [name: string]: string | undefined };
}

/** Settings from the environment; `interactive` says whether the output is a terminal. */
export const readConfig = (env: { readonly [name: string]: string | undefined }, interactive: boolean): CliConfig => {
  const set = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const url = set('SKEIN_URL');
  const token = set('SKEIN_TOKEN');
  const dataDir = set('SKEIN_DATA');
  return {
    ...(url === undefined ? {} : { url }),
    ...(token === undefined ? {} : { token }),
    ...(dataDir === undefined ? {} : { dataDir }),
    plain: !interactive || set('NO_COLOR') !== undefined || env['TERM'] === 'dumb',
    autoModel: autoModelFrom(env),
    env,
  };
};
