import { readFileSync } from 'node:fs';
import { err, ok, type Result } from '@skein/domain';
import { defaultGuardConfig, type GuardConfig, type Rate } from '@skein/http';
import { parseSealingKeys, type SealingKey } from '@skein/telemetry';
import { z } from 'zod';

/** Who may come how often, what secrets at rest are sealed with, and how long the audit log is kept. */
export interface SecurityConfig {
  readonly guard: GuardConfig;
  /** The first seals, all open; absent: no secrets at rest. */
  readonly sealingKeys?: readonly SealingKey[];
  readonly auditRetentionMs: number;
  /** Webhooks are sent to public addresses only. */
  readonly guardWebhooks: boolean;
}

/** As when nothing is configured. */
export const defaultSecurity: SecurityConfig = {
  guard: defaultGuardConfig,
  auditRetentionMs: 365 * 86_400_000,
  guardWebhooks: false,
};

const maxOrigins = 32;

/** `REQUESTS/SECONDS`. */
const rate = z.string().transform((text, context): Rate => {
  const match = /^(\d{1,9})\/(\d{1,6})$/.exec(text.trim());
  const read = { requests: Number(match?.[1]), seconds: Number(match?.[2]) };
  if (match !== null && read.requests > 0 && read.seconds > 0) return read;
  context.addIssue({ code: 'custom', message: 'must be REQUESTS/SECONDS, for example 600/60' });
  return z.NEVER;
});

const isOrigin = (text: string): boolean => {
  try {
    const url = new URL(text);
    return (url.protocol === 'https:' || url.protocol === 'http:') && url.origin === text;
  } catch {
    return false;
  }
};

const origins = z.string().transform((text, context) => {
  const list = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  if (list.length <= maxOrigins && list.every(isOrigin)) return list;
  context.addIssue({
    code: 'custom',
    message: `must be at most ${maxOrigins} origins like https://console.example, separated by commas`,
  });
  return z.NEVER;
});

const flag = z.enum(['0', '1', 'true', 'false', '']).transform((text) => text === '1' || text === 'true');

const variables = z.object({
  SKEIN_HTTP_RATE_TOKEN: rate.optional(),
  SKEIN_HTTP_RATE_ADDRESS: rate.optional(),
  SKEIN_HTTP_RATE_FAILURES: rate.optional(),
  SKEIN_HTTP_CORS_ORIGINS: origins.optional(),
  SKEIN_HTTP_TRUST_FORWARDED: flag.default(false),
  SKEIN_AUDIT_RETENTION_DAYS: z.coerce.number().min(0).max(3_650).default(365),
  SKEIN_SECRETS_KEY: z.string().min(1).optional(),
  SKEIN_SECRETS_KEY_FILE: z.string().min(1).optional(),
  SKEIN_WEBHOOK_PUBLIC_ONLY: flag.default(false),
});

/** Reads it from the environment; no key is repeated in a problem. */
export const readSecurity = (env: {
  readonly [name: string]: string | undefined;
}): Result<SecurityConfig, readonly string[]> => {
  const parsed = variables.safeParse(env);
  if (!parsed.success) return err(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const read = parsed.data;
  const keys = readKeys(read.SKEIN_SECRETS_KEY, read.SKEIN_SECRETS_KEY_FILE);
  if (!keys.ok) return err([keys.error]);
  return ok({
    guard: {
      perToken: read.SKEIN_HTTP_RATE_TOKEN ?? defaultGuardConfig.perToken,
      perAddress: read.SKEIN_HTTP_RATE_ADDRESS ?? defaultGuardConfig.perAddress,
      failures: read.SKEIN_HTTP_RATE_FAILURES ?? defaultGuardConfig.failures,
      corsOrigins: read.SKEIN_HTTP_CORS_ORIGINS ?? [],
      trustForwarded: read.SKEIN_HTTP_TRUST_FORWARDED,
    },
    ...(keys.value === undefined ? {} : { sealingKeys: keys.value }),
    auditRetentionMs: Math.round(read.SKEIN_AUDIT_RETENTION_DAYS * 86_400_000),
    guardWebhooks: read.SKEIN_WEBHOOK_PUBLIC_ONLY,
  });
};

const readKeys = (
  text: string | undefined,
  path: string | undefined,
): Result<readonly SealingKey[] | undefined, string> => {
  if (text !== undefined && path !== undefined)
    return err('SKEIN_SECRETS_KEY, SKEIN_SECRETS_KEY_FILE: give one of them');
  if (text === undefined && path === undefined) return ok(undefined);
  let written = text ?? '';
  if (path !== undefined) {
    try {
      written = readFileSync(path, 'utf8');
    } catch (error) {
      return err(`SKEIN_SECRETS_KEY_FILE: cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
  }
  const keys = parseSealingKeys(written);
  return keys.ok ? keys : err(`${path === undefined ? 'SKEIN_SECRETS_KEY' : 'SKEIN_SECRETS_KEY_FILE'}: ${keys.error}`);
};
