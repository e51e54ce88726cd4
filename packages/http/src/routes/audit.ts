import { z } from '@hono/zod-openapi';
import { DomainError } from '@skein/domain';
import type { AuditEntry } from '@skein/ports';
import { type ApiApp, addRoute, jsonResponse } from '../app/api.ts';
import type { RouteDeps } from '../app/http-deps.ts';
import { auditEntrySchema } from '../schemas/security.ts';
import { cursor, limitUpTo, pageOf } from '../schemas/values.ts';

/** Who did what. */
export const addAuditRoutes = (app: ApiApp, deps: RouteDeps): void => {
  addRoute(
    app,
    deps,
    {
      method: 'get',
      path: '/api/audit',
      operationId: 'listAudit',
      summary: 'Every write, and what was refused, newest first.',
      tag: 'Security',
      query: z.strictObject({
        actor: z.string().min(1).max(256).optional().openapi({ description: 'Id of a token, worker or trigger.' }),
        action: z.string().min(1).max(256).optional(),
        target: z.string().min(1).max(256).optional(),
        since: z.string().max(64).optional().openapi({ format: 'date-time' }),
        limit: limitUpTo(500, 100),
        cursor,
      }),
      answers: { 200: { description: 'A page of entries.', schema: pageOf(auditEntrySchema) } },
    },
    async ({ tenant, query, context }) => {
      const page = await deps.coordinator.audit.list({
        tenant,
        limit: query.limit,
        ...(query.actor === undefined ? {} : { actorId: query.actor }),
        ...(query.action === undefined ? {} : { action: query.action }),
        ...(query.target === undefined ? {} : { target: query.target }),
        ...(query.since === undefined ? {} : { since: instantOf(query.since) }),
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      return jsonResponse(context, { items: page.items.map(shown), nextCursor: page.nextCursor ?? null });
    },
  );
};

const shown = ({ tenant: _tenant, at, ...entry }: AuditEntry) => ({ ...entry, at: new Date(at).toISOString() });

const instantOf = (text: string): number => {
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new DomainError('invalid_argument', 'since is not an instant', {
    problems: [{ message: 'not an instant', field: 'since', expected: 'ISO 8601, like 2026-11-02T03:04:05Z' }],
  });
};
