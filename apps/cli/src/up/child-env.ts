/** The environment of a process that the command starts. */
export type Environment = { readonly [name: string]: string | undefined };

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
]);

/** What a child sees: the caller's environment without what is not meant for it, and `own` on top. Only workers get API keys (S3). */
export const childEnv = (env: Environment, own: Environment, options: { readonly keys: boolean }): Environment => {
  const kept = Object.entries(env).filter(
    ([name]) => (!name.startsWith('SKEIN_') || passedOn.has(name)) && (options.keys || !name.endsWith('_API_KEY')),
  );
  return { ...Object.fromEntries(kept), ...own };
};
