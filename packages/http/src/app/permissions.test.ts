import { permissions, roleMay } from '@skein/coordinator';
import { tokenRoles } from '@skein/ports';
import { expect, test } from 'vitest';
import { tokenOf } from '../../test/fake-coordinator.ts';
import { problemOf, startApi } from '../../test/start-api.ts';

interface Described {
  readonly paths: { readonly [path: string]: { readonly [method: string]: { readonly security: readonly unknown[] } } };
}

const routesOf = async () => {
  const document = (await (await startApi().send('GET', '/openapi.json')).json()) as Described;
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      route: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path: path.replaceAll('{stepId}', 'a').replaceAll(/\{\w+\}/g, 'x_1'),
      needsToken: security.length > 0,
    })),
  );
};

test('every route is in the table of permissions, and everything there is a route', async () => {
  const routes = (await routesOf()).map(({ route }) => route);
  expect([...routes, 'GET /openapi.json'].toSorted()).toEqual(Object.keys(permissions).toSorted());
});

test('each role may call what the table says, and is refused all else', async () => {
  const { send, coordinator } = startApi();
  for (const { route, method, path, needsToken } of await routesOf()) {
    const least = permissions[route]?.role;
    expect(needsToken, route).toBe(least !== 'open' && least !== 'signed');
    if (least === undefined || least === 'open' || least === 'signed' || path.endsWith('/watch')) continue;
    for (const role of tokenRoles) {
      const headers = { authorization: `Bearer ${tokenOf(role)}` };
      const { status } = await send(method, path, { headers });
      if (roleMay(role, least)) expect(status, `${role} ${route}`).not.toBe(403);
      else expect(status, `${role} ${route}`).toBe(403);
    }
  }
  const refused = coordinator.audit.refusals.find(({ action }) => action === 'POST /api/runs');
  expect(refused).toEqual({
    tenant: 'default',
    actor: { kind: 'token', id: 'tok_viewer', name: 'viewer' },
    action: 'POST /api/runs',
    outcome: 'permission_denied',
    details: { role: 'viewer', needs: 'operator' },
  });
});

test('a refusal says which role is needed, and nothing was done', async () => {
  const { send, coordinator } = startApi();
  const headers = { authorization: `Bearer ${tokenOf('viewer')}` };
  const problem = await problemOf(await send('POST', '/api/runs', { body: { dag: 'hello' }, headers }));
  expect(problem).toMatchObject({
    status: 403,
    code: 'permission_denied',
    body: { details: { role: 'viewer', needs: 'operator' } },
  });
  expect(coordinator.runs.size).toBe(0);
});

test('a new token has the role that was asked for', async () => {
  const { send } = startApi();
  const made = await send('POST', '/api/tokens', { body: { kind: 'api', name: 'dashboard', role: 'viewer' } });
  expect(await made.json()).toMatchObject({ role: 'viewer', token: 'skein_fresh' });
  const bad = await send('POST', '/api/tokens', { body: { kind: 'api', name: 'dashboard', role: 'root' } });
  expect(bad.status).toBe(400);
});
