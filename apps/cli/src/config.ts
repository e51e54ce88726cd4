import { type AutoModelChoice, autoModelFrom } from '@skein/sdk';

/** What the command line takes from its environment. */
export interface CliConfig {
  readonly url?: string;
  readonly token?: string;
  /** File of the token, where it is not given itself. */
  readonly tokenFile?: string;
  readonly dataDir?: string;
  /** File of the authority of the coordinator's certificate. */
  readonly caFile?: string;
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
  const tokenFile = token === undefined ? set('SKEIN_TOKEN_FILE') : undefined;
  const dataDir = set('SKEIN_DATA');
  const caFile = set('SKEIN_CA_FILE');
  return {
    ...(url === undefined ? {} : { url }),
    ...(token === undefined ? {} : { token }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(caFile === undefined ? {} : { caFile }),
    plain: !interactive || set('NO_COLOR') !== undefined || env['TERM'] === 'dumb',
    autoModel: autoModelFrom(env),
    env,
  };
};
