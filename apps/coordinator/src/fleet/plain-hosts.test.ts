import { expect, test } from 'vitest';
import { plainHosts } from './plain-hosts.ts';

const namesOf = (store?: string, redis?: string): readonly string[] =>
  plainHosts({
    ...(store === undefined ? {} : { store: { url: () => store } }),
    ...(redis === undefined ? {} : { redis: () => redis }),
  }).map(({ what, host, remedy }) => `${what} ${host} ${remedy}`);

test.each([
  [
    'postgres://u:p@db.internal:5432/skein',
    'redis://q.internal',
    ['PostgreSQL db.internal sslmode=verify-full', 'Redis q.internal rediss://'],
  ],
  ['postgres://u:p@db.internal/skein?sslmode=disable', undefined, ['PostgreSQL db.internal sslmode=verify-full']],
  ['postgres://u:p@[2001:db8::1]/skein', undefined, ['PostgreSQL 2001:db8::1 sslmode=verify-full']],
  ['postgres://u:p@db.internal/skein?sslmode=verify-full', 'rediss://q.internal:6380', []],
  ['postgres://u:p@db.internal/skein?sslmode=no-verify', undefined, []],
  ['postgres://u:p@127.0.0.1/skein', 'redis://localhost:6379', []],
  ['postgres://u:p@[::1]/skein', undefined, []],
  ['postgres:///skein?host=/var/run/postgresql', undefined, []],
  ['postgres:///skein?host=db.internal', undefined, ['PostgreSQL db.internal sslmode=verify-full']],
  ['postgres://%2Fvar%2Frun%2Fpostgresql/skein', undefined, []],
  ['postgres://db.internal/skein?sslrootcert=/ca.pem', undefined, []],
  ['postgres://db.internal/skein?ssl=true', undefined, []],
  ['postgres://db.internal/skein?ssl=0', undefined, ['PostgreSQL db.internal sslmode=verify-full']],
  ['postgres://db.internal/skein?sslmode=', undefined, ['PostgreSQL db.internal sslmode=verify-full']],
  [undefined, undefined, []],
] as const)('%s and %s', (store, redis, expected) => {
  expect(namesOf(store, redis)).toEqual(expected);
});
