import type { TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { forgetAdmissions } from '../submit/prepare-admission.ts';
import { recheckTokens } from '../token/manage-tokens.ts';
import type { ChangedThing } from './members.ts';

/** Forgets what caches hold of a tenant that somebody else changed. Nothing is wrong when it is not called: the store decides. */
export const forgetCaches = (engine: Engine, tenant: TenantId, what: ChangedThing): void => {
  if (what === 'tokens') {
    engine.tokens.forget();
    // Workers of a token that was revoked are cut off.
    recheckTokens(engine).catch((thrown: unknown) =>
      engine.deps.log.warn('tokens could not be looked at again', { error: thrown }),
    );
    return;
  }
  engine.dags.published(tenant);
  forgetAdmissions(engine, tenant);
  if (what === 'rollouts') engine.evaluator.lookSoon();
};
