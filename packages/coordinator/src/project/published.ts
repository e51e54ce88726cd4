import type { TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { forgetAdmissions } from '../submit/prepare-admission.ts';

/** Forgets what was decided from the project before a publication, an activation or a change of a rollout, here and at other coordinators. */
export const published = (engine: Engine, tenant: TenantId, what: 'project' | 'rollouts' = 'project'): void => {
  engine.dags.published(tenant);
  forgetAdmissions(engine, tenant);
  engine.members.changed(tenant, what);
};
