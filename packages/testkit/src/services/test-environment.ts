/** What the environment says of the services that tests use. */
export interface TestEnvironment {
  /** A server that is there already: its user may make and drop databases. */
  readonly postgresUrl?: string;
  /** A server that is there already, and that tests may fill. */
  readonly redisUrl?: string;
  /** Where the process that runs all tests tells of the servers that it started. */
  readonly servicesUrl?: string;
  /** A service that is missing is a failure, not a skipped test. */
  readonly required: boolean;
  /** True where packages may be installed: in continuous integration. */
  readonly mayInstall: boolean;
}

const servicesVariable = 'TEST_SERVICES_URL';

/** Reads `TEST_POSTGRES_URL`, `TEST_REDIS_URL`, `REQUIRE_SERVICES` and `CI`. */
export const readTestEnvironment = (): TestEnvironment => {
  const given = (name: string): string | undefined => process.env[name] || undefined;
  const postgresUrl = given('TEST_POSTGRES_URL');
  const redisUrl = given('TEST_REDIS_URL');
  const servicesUrl = given(servicesVariable);
  const required = given('REQUIRE_SERVICES') !== undefined;
  return {
    ...(postgresUrl === undefined ? {} : { postgresUrl }),
    ...(redisUrl === undefined ? {} : { redisUrl }),
    ...(servicesUrl === undefined ? {} : { servicesUrl }),
    required,
    mayInstall: required || given('CI') !== undefined,
  };
};

/** Tells the processes that are started from here; undefined takes it back. */
export const announceServices = (url: string | undefined): void => {
  if (url === undefined) delete process.env[servicesVariable];
  else process.env[servicesVariable] = url;
};
