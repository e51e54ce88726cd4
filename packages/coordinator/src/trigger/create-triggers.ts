import type { JsonObject, JsonValue, TenantId } from '@skein/domain';
import { DomainError, defaultTenant, utf8Bytes } from '@skein/domain';
import type { CoordinatorDeps } from '../engine/coordinator-deps.ts';
import { triggerPrefix, vaultOf } from '../secrets/stored-secrets.ts';
import type { SubmitRun } from '../submit/submit-request.ts';
import { readPointer } from './read-pointer.ts';
import type { CreateTrigger, TriggerRequest, Triggers, TriggerView } from './trigger-api.ts';
import { isSigned } from './verify-request.ts';

type Deps = Pick<CoordinatorDeps, 'clock' | 'ids' | 'secrets' | 'hasher' | 'log' | 'sealedSecrets' | 'sealer' | 'hmac'>;

/** What is sealed of one trigger: its definition beside its secret, so that neither can be changed in the store. */
interface SealedTrigger {
  readonly v: 1;
  readonly name: string;
  readonly dag: string;
  readonly params?: { readonly [param: string]: string };
  readonly createdAt: number;
  readonly createdBy: string;
  /** 32 bytes in base64. */
  readonly secret: string;
}

/** Seconds that a request's timestamp may be off. */
const toleranceSeconds = 300;
const maxParams = 100;
const idPattern = /^trg_[A-Za-z0-9-]{1,64}(?:\.([A-Za-z0-9_-]{1,64}))?$/;

/** The tenant stands in the id, because whoever calls a trigger has no token: after a point, unless it is the usual one. */
const tenantOf = (triggerId: string): TenantId | undefined => {
  const match = idPattern.exec(triggerId);
  return match === null ? undefined : (match[1] ?? defaultTenant);
};

const viewOf = (triggerId: string, { name, dag, params, createdAt, createdBy }: SealedTrigger): TriggerView => ({
  triggerId,
  name,
  dag,
  ...(params === undefined ? {} : { params }),
  createdAt: new Date(createdAt).toISOString(),
  createdBy,
});

const refused = (message = 'the request is not signed for this trigger'): DomainError =>
  new DomainError('unauthenticated', message);

/**
 * Webhook triggers over the secrets at rest: a trigger is one sealed value named `trigger/ID`. `checkDag` throws `not_found` for a DAG
 * that is not there.
 */
export const createTriggers = (deps: Deps, checkDag: (tenant: TenantId, dag: string) => Promise<unknown>): Triggers => {
  const read = async (tenant: TenantId, triggerId: string): Promise<SealedTrigger | undefined> => {
    const { store, sealer } = vaultOf(deps);
    const name = triggerPrefix + triggerId;
    const found = await store.read(tenant, name);
    if (found === undefined) return undefined;
    const plain = sealer.open({ tenant, name }, found.keyId, found.sealed);
    return JSON.parse(new TextDecoder().decode(plain)) as SealedTrigger;
  };
  return {
    create: async (tenant, trigger, by) => {
      const { store, sealer } = vaultOf(deps);
      checkTrigger(trigger);
      await checkDag(tenant, trigger.dag);
      const secret = base64Of(deps.secrets.secureToken());
      const triggerId = deps.ids.next('trg') + (tenant === defaultTenant ? '' : `.${tenant}`);
      const name = triggerPrefix + triggerId;
      const sealedTrigger: SealedTrigger = {
        v: 1,
        name: trigger.name,
        dag: trigger.dag,
        ...(trigger.params === undefined ? {} : { params: trigger.params }),
        createdAt: deps.clock.now(),
        createdBy: by,
        secret,
      };
      const sealed = sealer.seal({ tenant, name }, utf8Bytes(JSON.stringify(sealedTrigger)));
      await store.put({
        tenant,
        name,
        keyId: sealer.keyId,
        sealed,
        updatedAt: sealedTrigger.createdAt,
        updatedBy: by,
      });
      return { view: viewOf(triggerId, sealedTrigger), secret: `whsec_${secret}` };
    },
    list: async (tenant) => {
      const { store } = vaultOf(deps);
      const names = (await store.list(tenant)).map(({ name }) => name).filter((name) => name.startsWith(triggerPrefix));
      const views: TriggerView[] = [];
      for (const name of names) {
        const triggerId = name.slice(triggerPrefix.length);
        const trigger = await read(tenant, triggerId);
        if (trigger !== undefined) views.push(viewOf(triggerId, trigger));
      }
      return views;
    },
    revoke: async (tenant, triggerId) => {
      const { store } = vaultOf(deps);
      const name = triggerPrefix + triggerId;
      if (tenantOf(triggerId) !== tenant || (await store.read(tenant, name)) === undefined)
        throw new DomainError('not_found', 'there is no such trigger', { triggerId });
      await store.remove(tenant, name);
    },
    accept: async (triggerId, request) => {
      const { hmac } = deps;
      vaultOf(deps);
      if (hmac === undefined) throw new DomainError('unimplemented', 'this coordinator checks no signatures');
      const tenant = tenantOf(triggerId);
      const trigger = tenant === undefined ? undefined : await read(tenant, triggerId);
      // An unknown trigger has a secret that nobody knows, and takes the same way.
      const secret = trigger?.secret ?? base64Of(deps.secrets.secureToken());
      const signed = isSigned(hmac, secret, request);
      if (trigger === undefined || tenant === undefined || !signed || request.id === undefined) throw refused();
      requireFresh(request, deps.clock.now());
      const submit: SubmitRun = {
        dag: trigger.dag,
        params: paramsOf(trigger, request.body),
        untrustedInput: true,
        idempotencyKey: `trigger:${triggerId}:${deps.hasher.digest(request.id).slice('sha256:'.length)}`,
      };
      return { tenant, triggerId, name: trigger.name, submit };
    },
  };
};

const checkTrigger = ({ name, params = {} }: CreateTrigger): void => {
  const problems = Object.entries(params)
    .filter(([, pointer]) => pointer !== '' && !pointer.startsWith('/'))
    .map(([param]) => ({
      message: 'not a JSON Pointer',
      field: `params.${param}`,
      expected: 'a text that begins with "/", or an empty one for the whole body',
    }));
  if (problems.length > 0 || Object.keys(params).length > maxParams)
    throw new DomainError('invalid_argument', 'the params of a trigger are JSON Pointers into the body', { problems });
  if (name.length === 0 || name.length > 128)
    throw new DomainError('invalid_argument', 'a trigger needs a name of 1 to 128 characters');
};

/** Whoever comes here knows the secret, and may know what is wrong. */
const requireFresh = ({ timestamp }: TriggerRequest, now: number): void => {
  const seconds = Number(timestamp);
  if (Math.abs(now / 1000 - seconds) <= toleranceSeconds) return;
  throw refused(`webhook-timestamp is more than ${toleranceSeconds} seconds away from now`);
};

const paramsOf = (trigger: SealedTrigger, text: string): { readonly [name: string]: JsonValue } => {
  let body: JsonValue;
  try {
    body = JSON.parse(text) as JsonValue;
  } catch {
    throw new DomainError('invalid_argument', 'the body of the request is not JSON');
  }
  if (trigger.params === undefined) return { body };
  const params = new Map<string, JsonValue>();
  for (const [param, pointer] of Object.entries(trigger.params)) {
    const value = readPointer(body, pointer);
    if (value !== undefined) params.set(param, value);
  }
  return Object.fromEntries(params) as JsonObject;
};

/** Base64 of the 32 bytes that a secure token stands for. */
const base64Of = (token: string): string => `${token.replaceAll('-', '+').replaceAll('_', '/')}=`;
