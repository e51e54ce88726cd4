import type { TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { forgetAdmissions } from '../submit/prepare-admission.ts';

/** Forgets what was decided from the project before a publication or an activation. */
export const published = (engine: Engine, tenant: TenantId): void => {
  engine.dags.published(tenant);
  forgetAdmissions(engine, tenant);
};
