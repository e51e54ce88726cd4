import type { TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { Holding } from './held-scopes.ts';
import { withCurrentScope } from './scope-commit.ts';

/** Writes the first revision of an arm's copy: what its agent remembered when the rollout began. Does nothing for one that is there. Throws `unavailable`. */
export const beginCopy = async (
  engine: Engine,
  tenant: TenantId,
  copy: string,
  { from, rolloutId }: Extract<Holding, { readonly kind: 'copy' }>,
): Promise<void> => {
  await withCurrentScope(engine, tenant, copy, async (view) => {
    if (view.revision > 0) return undefined;
    const start =
      from.revision === 0 ? undefined : await engine.deps.memory.readRevision(tenant, from.scope, from.revision);
    const next = { text: start?.text ?? '', change: { kind: 'set', by: `rollout ${rolloutId}` } as const };
    const at = engine.deps.clock.now();
    return { commit: { tenant, scope: copy, expectedRevision: 0, next, proposals: [], at }, result: undefined };
  });
};
