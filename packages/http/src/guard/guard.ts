import { type Permission, roleMay } from '@skein/coordinator';
import { DomainError, defaultTenant, type ErrorCode, isDomainError, type TenantId } from '@skein/domain';
import type { TokenRole } from '@skein/ports';
import type { Context } from 'hono';
import type { ApiEnv } from '../app/api.ts';
import type { HttpServerDeps } from '../app/http-deps.ts';
import { addressOf } from './address-of.ts';
import { defaultGuardConfig, type GuardConfig } from './guard-config.ts';
import { KnownTokens } from './known-tokens.ts';
import { createRateLimit, tooMany } from './rate-limit.ts';

/** Who calls. */
export interface Caller {
  readonly tenant: TenantId;
  /** Name of the token. */
  readonly by: string;
  readonly tokenId: string;
  readonly role: TokenRole;
}

/** The door of the API: rates, tokens and roles. */
export interface Guard {
  /**
   * Lets a request to a route in, or throws `resource_exhausted`, `unauthenticated`, `permission_denied`. Refusals are audited.
   * Undefined for a route that needs no token. `targetOf` is asked what a known caller that may not do it wanted to do it to.
   */
  enter(
    context: Context<ApiEnv>,
    action: string,
    permission: Permission,
    targetOf?: () => Promise<string | undefined>,
  ): Promise<Caller | undefined>;
  /** Who a request's token speaks for, whatever the route. Throws `resource_exhausted`, `unauthenticated`. */
  identify(context: Context<ApiEnv>, action: string): Promise<Caller>;
  /** Whether the token of an earlier request, by its `Authorization`, lets in still. True while that cannot be looked up. Counts nothing. */
  isStillGood(authorization: string | undefined): Promise<boolean>;
  /** A request proved nothing: counts, audits, and throws `thrown`, or `resource_exhausted` from an address that fails too often. */
  refuse(context: Context<ApiEnv>, action: string, thrown: unknown, target?: string): Promise<never>;
  /** Throws `resource_exhausted` for an address that failed too often lately. */
  requireUnblocked(context: Context<ApiEnv>): Promise<void>;
}

/** Longest token that is looked at. */
const maxTokenChars = 512;

/** The guard of one server. */
export const createGuard = (deps: Pick<HttpServerDeps, 'coordinator' | 'meter' | 'guard'>): Guard => {
  const config: GuardConfig = { ...defaultGuardConfig, ...deps.guard };
  const { coordinator, meter } = deps;
  const tokens = createRateLimit('token', config.perToken, meter);
  const addresses = createRateLimit('address', config.perAddress, meter);
  const failures = createRateLimit('failure', config.failures, meter);
  const known = new KnownTokens();
  const whence = (context: Context<ApiEnv>) => addressOf(context, config.trustForwarded);

  const requireUnblocked = async (context: Context<ApiEnv>): Promise<void> => {
    const wait = await failures.waitOf(whence(context));
    if (wait === undefined) return;
    meter.count('skein_http_rate_limited_total', 1, { limit: 'failure' });
    throw tooMany('failure', wait);
  };

  const refuse = async (context: Context<ApiEnv>, action: string, thrown: unknown, target?: string): Promise<never> => {
    if (!isDomainError(thrown) || thrown.code !== 'unauthenticated') throw thrown;
    const address = whence(context);
    coordinator.audit.refused({
      tenant: defaultTenant,
      actor: { kind: 'token', id: `unknown@${address}` },
      action,
      ...(target === undefined ? {} : { target }),
      outcome: thrown.code,
      details: { address },
    });
    await failures.take(address);
    throw thrown;
  };

  const identify = async (context: Context<ApiEnv>, action: string): Promise<Caller> => {
    try {
      const token = tokenOf(context.req.header('authorization'));
      if (!known.has(token)) await requireUnblocked(context);
      const { tenant, name, tokenId, role } = await coordinator.authenticate(token, 'api');
      known.add(token);
      await tokens.take(tokenId);
      return { tenant, by: name, tokenId, role };
    } catch (thrown) {
      return refuse(context, action, thrown);
    }
  };

  return {
    requireUnblocked,
    refuse,
    isStillGood: async (authorization) => {
      try {
        await coordinator.authenticate(tokenOf(authorization), 'api');
        return true;
      } catch (thrown) {
        return !isDomainError(thrown) || thrown.code !== 'unauthenticated';
      }
    },
    identify: async (context, action) => {
      await addresses.take(whence(context));
      return identify(context, action);
    },
    enter: async (context, action, { role: least }, targetOf) => {
      await addresses.take(whence(context));
      if (least === 'open' || least === 'signed') return undefined;
      const caller = await identify(context, action);
      if (roleMay(caller.role, least)) return caller;
      const code: ErrorCode = 'permission_denied';
      const target = await targetOf?.();
      coordinator.audit.refused({
        tenant: caller.tenant,
        actor: { kind: 'token', id: caller.tokenId, name: caller.by },
        action,
        ...(target === undefined || target === '' ? {} : { target }),
        outcome: code,
        details: { role: caller.role, needs: least },
      });
      throw new DomainError(code, `this token is ${caller.role}; the call needs ${least}`, {
        role: caller.role,
        needs: least,
      });
    },
  };
};

/** The bearer token of a request. Throws `unauthenticated`. */
const tokenOf = (header: string | undefined): string => {
  const token = header === undefined ? undefined : /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(header)?.[1];
  if (token === undefined || token.length > maxTokenChars) {
    throw new DomainError('unauthenticated', 'send an API token: Authorization: Bearer TOKEN');
  }
  return token;
};
