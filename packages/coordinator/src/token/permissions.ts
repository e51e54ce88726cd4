import type { TokenRole } from '@skein/ports';
import { tokenRoles } from '@skein/ports';

/** Who may call a route: `open` needs no token, `signed` proves itself by a signature, a role is the least one that may. */
export interface Permission {
  readonly role: TokenRole | 'open' | 'signed';
  /** Set for a route that changes nothing although its method is not GET: it is not audited. */
  readonly reads?: true;
}

const open: Permission = { role: 'open' };
const signed: Permission = { role: 'signed' };
const viewer: Permission = { role: 'viewer' };
const operator: Permission = { role: 'operator' };
const releaseManager: Permission = { role: 'release-manager' };
const admin: Permission = { role: 'admin' };

const step = '/api/runs/{runId}/steps/{stepId}';
const rollout = '/api/agents/{agentId}/rollout';
const freeze = '/api/agents/{agentId}/freeze';
const replays = '/api/agents/{agentId}/replays';

/** Who may what: every route of the HTTP API, by method and pattern. A route that is not here cannot be called. */
export const permissions: { readonly [route: string]: Permission } = {
  'GET /healthz': open,
  'GET /readyz': open,
  'GET /metrics': viewer,
  'GET /openapi.json': viewer,

  'POST /api/runs': operator,
  'GET /api/runs': viewer,
  'GET /api/runs/{runId}': viewer,
  'POST /api/runs/{runId}/cancel': operator,
  'POST /api/runs/{runId}/retry': operator,
  'GET /api/runs/{runId}/events': viewer,
  'GET /api/runs/{runId}/effects': viewer,
  [`GET ${step}`]: viewer,
  [`GET ${step}/items`]: viewer,
  [`GET ${step}/outputs/{name}`]: viewer,
  [`GET ${step}/log`]: viewer,
  [`POST ${step}/messages`]: operator,
  [`GET ${step}/messages`]: viewer,
  [`GET ${step}/messages/{messageId}`]: viewer,
  'GET /api/approvals': viewer,
  [`POST ${step}/approval`]: operator,
  'GET /api/dead-letters': viewer,
  'GET /api/dead-letters/{id}': viewer,
  'POST /api/dead-letters/{id}/redrive': operator,
  'POST /api/dead-letters/{id}/purge': operator,
  'GET /api/delivery-events': viewer,
  'POST /api/runs/{runId}/scores': operator,
  'GET /api/runs/{runId}/scores': viewer,

  'POST /api/apply': releaseManager,
  'GET /api/dags': viewer,
  'GET /api/dags/{name}': viewer,
  'GET /api/schedules': viewer,
  'GET /api/agents': viewer,
  'GET /api/agents/{agentId}/versions': viewer,
  'POST /api/agents/{agentId}/versions/{versionId}/activate': releaseManager,
  'GET /api/agents/{agentId}/diff': viewer,
  'GET /api/snapshots/diff': viewer,
  'GET /api/snapshots/{digest}': viewer,
  'GET /api/snapshots/{digest}/file': viewer,

  'GET /api/memory': viewer,
  'GET /api/memory/scopes': viewer,
  'PUT /api/memory/scopes': releaseManager,
  'GET /api/memory/history': viewer,
  'POST /api/memory/fold': releaseManager,
  'POST /api/runs/{runId}/memory/revert': releaseManager,
  'GET /api/memory/proposals': viewer,
  'POST /api/memory/proposals/{proposalId}/approve': releaseManager,
  'POST /api/memory/proposals/{proposalId}/reject': releaseManager,

  [`GET ${freeze}`]: viewer,
  [`PUT ${freeze}`]: releaseManager,
  [`DELETE ${freeze}`]: releaseManager,
  [`POST ${replays}`]: operator,
  [`GET ${replays}`]: viewer,
  [`GET ${replays}/{replayId}`]: viewer,
  [`GET ${rollout}`]: viewer,
  [`POST ${rollout}`]: releaseManager,
  [`PATCH ${rollout}`]: releaseManager,
  [`DELETE ${rollout}`]: releaseManager,
  [`POST ${rollout}/forecast`]: { role: 'viewer', reads: true },
  [`POST ${rollout}/activate`]: releaseManager,
  [`POST ${rollout}/approve`]: releaseManager,
  [`POST ${rollout}/pause`]: releaseManager,
  [`POST ${rollout}/resume`]: releaseManager,
  [`POST ${rollout}/promote`]: releaseManager,
  [`POST ${rollout}/rollback`]: releaseManager,
  [`GET ${rollout}/results`]: viewer,
  [`GET ${rollout}/observations`]: viewer,
  [`GET ${rollout}/watch`]: viewer,
  'GET /api/agents/{agentId}/rollouts': viewer,
  'GET /api/rollouts': viewer,
  'GET /api/rollouts/{rolloutId}': viewer,
  'GET /api/rollout-events': viewer,

  'GET /api/workers': viewer,
  'POST /api/workers/{workerId}/drain': operator,

  'POST /api/tokens': admin,
  'GET /api/tokens': admin,
  'DELETE /api/tokens/{tokenId}': admin,
  'GET /api/audit': admin,
  'PUT /api/secrets/{name}': admin,
  'GET /api/secrets': admin,
  'DELETE /api/secrets/{name}': admin,
  'POST /api/secrets/rotate': admin,
  'POST /api/triggers': admin,
  'GET /api/triggers': admin,
  'DELETE /api/triggers/{triggerId}': admin,
  'POST /api/triggers/{triggerId}': signed,
};

/** Whether a role may do what needs at least `least`. */
export const roleMay = (role: TokenRole, least: TokenRole): boolean =>
  tokenRoles.indexOf(role) >= tokenRoles.indexOf(least);
