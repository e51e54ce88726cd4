import { describe, expect, test } from 'vitest';
import { apiToken, tokenOf } from '../../test/fake-coordinator.ts';
import { problemOf, startApi } from '../../test/start-api.ts';
import { networkOf } from './address-of.ts';

describe('rates', () => {
  test('of one token: too many are answered 429 with when to come back; another token is not held up', async () => {
    const { send, counted } = startApi({}, { perToken: { requests: 3, seconds: 60 } });
    const answers: number[] = [];
    for (let count = 0; count < 5; count += 1) answers.push((await send('GET', '/api/runs')).status);
    expect(answers).toEqual([200, 200, 200, 429, 429]);
    const late = await send('GET', '/api/runs');
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(await problemOf(late)).toMatchObject({ code: 'resource_exhausted', body: { details: { limit: 'token' } } });
    const other = await send('GET', '/api/runs', { headers: { authorization: `Bearer ${tokenOf('viewer')}` } });
    expect(other.status).toBe(200);
    expect(counted).toContainEqual({ name: 'skein_http_rate_limited_total', labels: { limit: 'token' } });
  });

  test('of one address, whatever the token, and also where none is needed', async () => {
    const { send } = startApi({}, { perAddress: { requests: 3, seconds: 60 } });
    const answers: number[] = [];
    for (const path of ['/healthz', '/api/runs', '/api/runs', '/api/runs', '/healthz'])
      answers.push((await send('GET', path)).status);
    expect(answers).toEqual([200, 200, 200, 429, 429]);
  });

  test('of guesses: then unknown tokens are refused unread, and one that worked goes on working', async () => {
    const { send, coordinator } = startApi({}, { failures: { requests: 3, seconds: 60 } });
    expect((await send('GET', '/api/runs')).status).toBe(200);
    let looked = 0;
    const authenticate = coordinator.authenticate.bind(coordinator);
    coordinator.authenticate = (token, kind) => {
      looked += 1;
      return authenticate(token, kind);
    };
    const guess = async (token: string) =>
      (await send('GET', '/api/runs', { headers: { authorization: `Bearer ${token}` } })).status;
    const answers: number[] = [];
    for (let count = 0; count < 6; count += 1) answers.push(await guess(`guess-${count}`));
    expect(answers).toEqual([401, 401, 401, 429, 429, 429]);
    expect(looked).toBe(4);
    expect(await guess(apiToken)).toBe(200);
    expect(await guess(tokenOf('viewer'))).toBe(429);
  });

  test('do not hold up anybody by default', async () => {
    const { send } = startApi();
    for (let count = 0; count < 300; count += 1) expect((await send('GET', '/api/dags')).status).toBe(200);
  });

  test('count an IPv6 network as one, and a mapped address as what it maps', () => {
    expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(networkOf('2001:0DB8:1:2::9')).toBe('2001:db8:1:2::/64');
    expect(networkOf('2001:db8::9')).toBe('2001:db8:0:0::/64');
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
    expect(networkOf('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(networkOf('10.0.0.1')).toBe('10.0.0.1');
  });
});

describe('scripts of other origins', () => {
  const ask = async (cors: readonly string[], origin: string | undefined, method = 'GET') =>
    startApi({}, { corsOrigins: cors }).send(method, '/api/runs', {
      headers: {
        ...(origin === undefined ? {} : { origin }),
        ...(method === 'OPTIONS' ? { 'access-control-request-method': 'POST' } : {}),
      },
    });
  const allowed = (response: Response) => response.headers.get('access-control-allow-origin');

  test('read nothing by default: no header of CORS is sent', async () => {
    for (const method of ['GET', 'OPTIONS']) {
      const response = await ask([], 'https://console.example', method);
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('read answers where their origin is configured, exactly', async () => {
    const origins = ['https://console.example'];
    expect(allowed(await ask(origins, 'https://console.example'))).toBe('https://console.example');
    for (const other of ['https://console.example.evil', 'http://console.example', 'null', undefined]) {
      const response = await ask(origins, other);
      expect(allowed(response)).toBeNull();
      expect(response.headers.get('vary')).toContain('Origin');
    }
    const preflight = await ask(origins, 'https://console.example', 'OPTIONS');
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization');
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
  });
});

test('HSTS is sent over TLS only', async () => {
  const { server } = startApi();
  const headerOf = async (scheme: string) =>
    (await server.request(new Request(`${scheme}://skein.test/healthz`))).headers.get('strict-transport-security');
  expect(await headerOf('https')).toBe('max-age=31536000');
  expect(await headerOf('http')).toBeNull();
});
