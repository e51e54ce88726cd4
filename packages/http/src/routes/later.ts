import { z } from '@hono/zod-openapi';
import { DomainError } from '@skein/domain';
import { type ApiApp, addRoute } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { name, runId } from '../schemas/values.ts';

/** Paths that are reserved for features to come, by feature. They answer 501, so that a caller can tell "not yet" from "wrong path". */
const reserved = [
  ['rollouts', 'get', '/api/agents/{agentId}/rollout'],
  ['rollouts', 'post', '/api/agents/{agentId}/rollout'],
  ['rollouts', 'patch', '/api/agents/{agentId}/rollout'],
  ['rollouts', 'delete', '/api/agents/{agentId}/rollout'],
  ['rollouts', 'post', '/api/agents/{agentId}/rollout/promote'],
  ['rollouts', 'post', '/api/agents/{agentId}/rollout/rollback'],
  ['rollouts', 'get', '/api/agents/{agentId}/rollout/results'],
  ['rollouts', 'get', '/api/agents/{agentId}/rollouts'],
  ['scores', 'post', '/api/runs/{runId}/scores'],
] as const;

const parameters: { readonly [key: string]: z.ZodType<string> } = {
  agentId: name,
  runId,
};

/** Answers 501 for what is planned and not there yet. */
export const addLaterRoutes = (app: ApiApp, deps: RouteDeps): void => {
  for (const [feature, method, path] of reserved) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
    const params = z.strictObject(Object.fromEntries(names.map((key) => [key, parameters[key] ?? z.string()])));
    addRoute(
      app,
      deps,
      {
        method,
        path,
        operationId: `${method}${path.replaceAll(/[^A-Za-z]+([a-z])/g, (_, letter: string) => letter.toUpperCase()).replaceAll(/\W/g, '')}`,
        summary: 'Not implemented yet.',
        tag: 'Later',
        ...(names.length === 0 ? {} : { params }),
        answers: {},
      },
      () => {
        throw new DomainError('unimplemented', `${feature} are not implemented yet`);
      },
    );
  }
};
