/** The environment of a process that the command starts. */
export type Environment = { readonly [name: string]: string | undefined };

/** Which process it is for. */
export type ChildProgram = 'coordinator' | 'scheduler' | 'worker';

/** Skein's own variables that go on to the children as they are; others would be meant for this process alone. */
const passedOn = new Set([
  'SKEIN_ADMIN_TOKEN_FILE',
  'SKEIN_DRAIN_MS',
  'SKEIN_HEARTBEAT_MS',
  'SKEIN_LABELS',
  'SKEIN_LAUNCH',
  'SKEIN_LEASE_MS',
  'SKEIN_LOG_LEVEL',
  'SKEIN_SLOTS',
  'SKEIN_SNAPSHOT_CACHE_BYTES',
  'SKEIN_TRACES',
]);

/** How a worker speaks with its coordinator. */
const tlsVariables = new Set([
  'SKEIN_CA_FILE',
  'SKEIN_TLS_NAME',
  ...['SKEIN_TLS', 'SKEIN_TLS_CA', 'SKEIN_TLS_CERT', 'SKEIN_TLS_KEY'].flatMap((name) => [name, `${name}_FILE`]),
]);

/** Opens the secrets at rest: for the coordinator and nobody else. */
const isSealingKey = (name: string): boolean => name === 'SKEIN_SECRETS_KEY' || name === 'SKEIN_SECRETS_KEY_FILE';

/** Settings of the coordinator that concern what it keeps, and whom it tells. */
const isCoordinatorSetting = (name: string): boolean =>
  name.startsWith('SKEIN_MEMORY_') ||
  /^SKEIN_(?:SNAPSHOT|RUN|EVENT)_RETENTION_/.test(name) ||
  name.startsWith('SKEIN_WEBHOOK_') ||
  name.startsWith('SKEIN_AUDIT_') ||
  isSealingKey(name) ||
  /^SKEIN_HTTP_(?:RATE_|CORS_|TRUST_)/.test(name) ||
  name === 'SKEIN_MAX_EVENTS' ||
  name === 'SKEIN_SET_ASIDE_DAMAGED';

/** Where secrets are kept. Both kinds of process can keep them; of what one command starts, the coordinator does, and hands out under leases. */
const isSecretOfSkein = (name: string): boolean => name.startsWith('SKEIN_SECRET_') || name === 'SKEIN_SECRETS_DIR';

/** Variables of the caller's own that workers may hand to tasks, because `SKEIN_SECRETS` names them. */
const namedSecrets = (env: Environment): ReadonlySet<string> =>
  new Set((env['SKEIN_SECRETS'] ?? '').split(',').map((name) => name.trim()));

/** Variables of this process whose values are credentials for tasks. */
export const credentialVariables = (env: Environment): readonly string[] => {
  const named = namedSecrets(env);
  return Object.keys(env).filter(
    (name) =>
      name.endsWith('_API_KEY') ||
      name.startsWith('SKEIN_SECRET_') ||
      name === 'SKEIN_SECRETS_KEY' ||
      (named.has(name) && !isOwn(name)),
  );
};

/** What a program that is run as it is sees: everything but credentials that are not its own. */
export const programEnv = (env: Environment, program: 'coordinator' | 'scheduler'): Environment => {
  const credentials = new Set(credentialVariables(env));
  const isKept = (name: string): boolean =>
    !credentials.has(name) ||
    (program === 'coordinator' && (name.startsWith('SKEIN_SECRET_') || name === 'SKEIN_SECRETS_KEY'));
  return Object.fromEntries(Object.entries(env).filter(([name]) => isKept(name)));
};

const isOwn = (name: string): boolean => name.startsWith('SKEIN_');

/**
 * What a child sees: the caller's environment without what is not meant for it, and `own` on top. API keys, and what `SKEIN_SECRETS`
 * names, go to workers only, and all other secrets to `secretsAt` only (S3).
 */
export const childEnv = (
  env: Environment,
  own: Environment,
  { program, secretsAt }: { readonly program: ChildProgram; readonly secretsAt: 'coordinator' | 'worker' },
): Environment => {
  const named = namedSecrets(env);
  const isKept = (name: string): boolean => {
    if (isSecretOfSkein(name)) return program === secretsAt;
    if (name.endsWith('_API_KEY') || name === 'SKEIN_SECRETS' || name === 'SKEIN_HTTP_ALLOW')
      return program === 'worker';
    if (named.has(name) && !isOwn(name)) return program === 'worker';
    if (isCoordinatorSetting(name)) return program === 'coordinator';
    if (tlsVariables.has(name)) return program === 'worker' && secretsAt === 'worker';
    return !name.startsWith('SKEIN_') || passedOn.has(name);
  };
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => isKept(name))), ...own };
};
