export type { ModelRouterDeps } from './model-router.ts';
export { createModelRouter } from './model-router.ts';
export { offlineModelName } from './offline/offline-model.ts';
