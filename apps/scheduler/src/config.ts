import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { err, ok, type Result } from '@skein/domain';
import { z } from 'zod';

/** Settings of the scheduler process. */
export interface Config {
  /** URLs of one or more coordinators. */
  readonly url: readonly string[];
  readonly token: string;
  /** PEM of the authority of the coordinator's certificate; the system's when absent. */
  readonly ca?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** Longest stop before the process ends anyway, in ms. */
export const stopDeadlineMs = 5_000;

const oneUrl = z.url({ protocol: /^https?$/ });

const urls = z.string().transform((text, context) => {
  const list = text.split(',').map((each) => each.trim());
  if (list.every((each) => oneUrl.safeParse(each).success)) return list;
  context.addIssue({ code: 'custom', message: 'must be a URL (http, https), or several with commas between them' });
  return z.NEVER;
});

const variables = z
  .object({
    SKEIN_URL: urls,
    SKEIN_TOKEN: z.string().min(1).optional(),
    SKEIN_TOKEN_FILE: z.string().min(1).optional(),
    SKEIN_CA_FILE: z.string().min(1).optional(),
    SKEIN_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .refine((read) => read.SKEIN_TOKEN !== undefined || read.SKEIN_TOKEN_FILE !== undefined, {
    path: ['SKEIN_TOKEN'],
    message: 'give SKEIN_TOKEN or SKEIN_TOKEN_FILE',
  });

/** Settings from flags (first) and environment; an error lists every bad one at once. */
export const readConfig = (
  args: readonly string[],
  env: { readonly [name: string]: string | undefined },
): Result<Config, readonly string[]> => {
  const given: { [name: string]: string | undefined } = { ...env };
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        'token-file': { type: 'string' },
        'log-level': { type: 'string' },
        ca: { type: 'string' },
      },
    });
    if (values.ca !== undefined) given['SKEIN_CA_FILE'] = values.ca;
    if (values.url !== undefined) given['SKEIN_URL'] = values.url;
    if (values['token-file'] !== undefined) given['SKEIN_TOKEN_FILE'] = values['token-file'];
    if (values['log-level'] !== undefined) given['SKEIN_LOG_LEVEL'] = values['log-level'];
  } catch (error) {
    return err([error instanceof Error ? error.message : 'the flags cannot be read']);
  }
  const parsed = variables.safeParse(given);
  if (!parsed.success) return err(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const read = parsed.data;
  const token = read.SKEIN_TOKEN ?? readText(read.SKEIN_TOKEN_FILE ?? '');
  if (token === undefined) return err([`SKEIN_TOKEN_FILE: ${read.SKEIN_TOKEN_FILE} cannot be read or is empty`]);
  const ca = read.SKEIN_CA_FILE === undefined ? undefined : readText(read.SKEIN_CA_FILE);
  if (read.SKEIN_CA_FILE !== undefined && ca === undefined)
    return err([`SKEIN_CA_FILE: ${read.SKEIN_CA_FILE} cannot be read or is empty`]);
  return ok(
    Object.freeze({
      url: read.SKEIN_URL,
      token,
      ...(ca === undefined ? {} : { ca }),
      logLevel: read.SKEIN_LOG_LEVEL,
    }),
  );
};

const readText = (path: string): string | undefined => {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
};
